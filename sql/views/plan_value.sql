-- A plan is paid once a month, however much is used: what its machines used at the prices of the API is what it was worth. The price
-- that was set last counts for all months. Months are sums of kept days, so that none shrinks when transcripts are deleted.
CREATE OR REPLACE VIEW {database}.plan_value {on_cluster}
(
    account String COMMENT 'which plan, as `plan.account` names it; empty for the one without a name',
    month Date COMMENT 'first day of the month in the zone of each machine; every month from the first with usage to this one',
    machines UInt64 COMMENT 'machines that share the plan and had usage in the month or before',
    cost_usd Decimal(18, 9) COMMENT 'what Claude Code used on them, in US dollars at the prices of the API',
    plan_usd Decimal(18, 9) COMMENT 'price of the plan for a whole month',
    beyond_usd Decimal(18, 9) COMMENT 'cost less price: what the usage was worth beyond it; negative where it was worth less',
    times_price Float64 COMMENT 'cost as a multiple of the price',
    is_partial Bool COMMENT 'this month, which is not over, or the first one, where the history begins after its first day',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd'
)
AS WITH priced AS
(
    SELECT account, argMax(monthly_usd, revision) AS price
    FROM {database}.plans FINAL
    GROUP BY account
),
days AS
(
    SELECT account, machine, date, day.cost_usd AS cost, day.unpriced AS has_unpriced, max(date) OVER (PARTITION BY machine) AS today
    FROM {database}.daily_summary AS day
    GLOBAL INNER JOIN (SELECT machine, account FROM {database}.plans FINAL) AS plan ON day.machine = plan.machine
    WHERE agent = 'claude'
)
SELECT
    account,
    toStartOfMonth(date) AS month,
    uniqExact(machine) AS machines,
    sum(cost) AS cost_usd,
    any(price) AS plan_usd,
    cost_usd - plan_usd AS beyond_usd,
    toFloat64(cost_usd) / toFloat64(plan_usd) AS times_price,
    toBool(min(date) > month OR min(today) <= toLastDayOfMonth(month)) AS is_partial,
    max(has_unpriced) AS unpriced
FROM days
GLOBAL INNER JOIN priced ON days.account = priced.account
GROUP BY account, month
{part:own_settings}
COMMENT 'one row is one calendar month of one plan'
