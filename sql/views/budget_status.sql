-- A budget holds for all machines and agents together, unless it is of one. Its days are those of each machine's zone. The forecast
-- is that of forecast_month, made in the same way for a project or a model.
CREATE OR REPLACE VIEW {database}.budget_status {on_cluster}
(
    scope LowCardinality(String) COMMENT 'what is limited: all, project, model, agent or machine; the row spans the machines and agents that it does not name',
    name String COMMENT 'which project (as it is stored, so a pseudonym by default), model, agent or machine; empty for all',
    period LowCardinality(String) COMMENT 'daily: today; monthly: this month',
    limit_usd Decimal(18, 9) COMMENT 'what may be spent in the period',
    spent_usd Decimal(18, 9) COMMENT 'cost of the period so far',
    remaining_usd Decimal(18, 9) COMMENT 'limit less cost; negative where it is over',
    share Nullable(Float64) COMMENT 'cost as a share of the limit; NULL for a limit of 0',
    is_over Bool COMMENT 'the cost is above the limit',
    forecast_usd Decimal(18, 9) COMMENT 'cost at the end of the period as it is forecast',
    crossing_day Nullable(Date) COMMENT 'day on which the limit was crossed, or will be by the forecast; NULL where it will not be in the period',
    unpriced Bool COMMENT 'some usage of the period has no price and counts as 0'
)
AS WITH limits AS
(
    SELECT scope, name, period, limit_usd
    FROM {database}.budgets FINAL
),
calendar AS
(
    SELECT machine, agent, max(date) AS today
    FROM {database}.daily_summary
    GROUP BY machine, agent
),
-- What is behind the month and the 28 days before today, whatever the zone.
usage AS
(
    SELECT scoped.1 AS scope, scoped.2 AS name, machine, agent, date, cost_usd, unpriced
    FROM {database}.daily
    ARRAY JOIN [('all', ''), ('agent', toString(agent)), ('machine', toString(machine))] AS scoped
    WHERE date > today() - 40
    UNION ALL
    SELECT 'project', project, machine, agent, date, cost_usd, unpriced
    FROM {database}.projects_daily
    WHERE date > today() - 40
    UNION ALL
    SELECT 'model', model, machine, agent, date, cost_usd, unpriced
    FROM {database}.model_breakdowns
    WHERE date > today() - 40
),
limited AS
(
    SELECT scope, name, machine, agent, date, cost_usd, unpriced
    FROM usage
    WHERE (scope, name) GLOBAL IN (SELECT toString(scope), name FROM limits)
),
-- The cost of each day of this month, and the forecast of each that is left.
days AS
(
    SELECT scope, name, machine, agent, today, date, sum(cost_usd) AS cost_usd, toDecimal64(round(sum(forecast), 9), 9) AS forecast_usd, max(unpriced) AS unpriced
    FROM
    (
        SELECT scope, name, limited.machine AS machine, limited.agent AS agent, today, date, cost_usd, 0. AS forecast, unpriced
        FROM limited
        GLOBAL INNER JOIN calendar ON limited.machine = calendar.machine AND limited.agent = calendar.agent
        WHERE date >= toStartOfMonth(today)
        UNION ALL
        SELECT scope, name, limited.machine, limited.agent, today, weights.date, toDecimal64(0, 9), weight * toFloat64(cost_usd), false
        FROM limited
        GLOBAL INNER JOIN {database}.forecast_weights AS weights
            ON limited.machine = weights.machine AND limited.agent = weights.agent AND limited.date = weights.source_date
    )
    GROUP BY scope, name, machine, agent, today, date
),
path AS
(
    SELECT
        scope,
        name,
        period,
        date,
        limit_usd,
        sum(cost_usd) AS spent,
        sum(if(date < today, cost_usd, greatest(cost_usd, forecast_usd))) AS expected,
        max(unpriced) AS unpriced,
        sum(expected) OVER (PARTITION BY scope, name, period ORDER BY date) AS reached
    FROM limits
    GLOBAL INNER JOIN days ON limits.scope = days.scope AND limits.name = days.name
    WHERE period = 'monthly' OR date = today
    GROUP BY scope, name, period, date, limit_usd
)
SELECT
    scope,
    name,
    period,
    limit_usd,
    sum(spent) AS spent_usd,
    limit_usd - spent_usd AS remaining_usd,
    toFloat64(spent_usd) / nullIf(toFloat64(limit_usd), 0) AS share,
    toBool(spent_usd > limit_usd) AS is_over,
    sum(expected) AS forecast_usd,
    minOrNullIf(date, reached > limit_usd) AS crossing_day,
    max(unpriced) AS unpriced
FROM
(
    SELECT scope, name, period, limit_usd, date, spent, expected, reached, unpriced FROM path
    UNION ALL
    SELECT scope, name, period, limit_usd, NULL, 0, 0, 0, false FROM limits
)
GROUP BY scope, name, period, limit_usd
COMMENT 'one row is one budget in its current period'
