-- A budget holds for all machines and agents together, unless it is of one. Its days are those of each machine's zone. The forecast
-- is made by the weights of forecast_month, for a project or a model as well.
CREATE OR REPLACE VIEW {database}.budget_status {on_cluster}
(
    scope LowCardinality(String) COMMENT 'what is limited: all, project, model, agent or machine; the row spans the machines and agents that it does not name',
    name String COMMENT 'which project (as it is stored, so a pseudonym by default), model, agent or machine, or a name that people use for some; empty for all',
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
AS WITH covered AS
(
    -- A name that people use stands for the stored ones that it covers.
    SELECT
        scope,
        name,
        period,
        argMax(budgets.limit_usd, revision) AS limit_usd,
        arrayJoin(if(empty(argMax(budgets.covers, revision) AS covers), [name], covers)) AS part
    FROM {database}.budgets FINAL
    GROUP BY scope, name, period
),
-- What is behind the month and the 56 days before today, whatever the zone.
usage AS
(
    SELECT scoped.1 AS scope, scoped.2 AS name, machine, agent, date AS source_date, scoped.3 AS cost, scoped.4 AS usage_unpriced
    FROM {database}.daily
    ARRAY JOIN arrayConcat(
        [('all', '', cost_usd, unpriced), ('agent', toString(agent), cost_usd, unpriced), ('machine', toString(machine), cost_usd, unpriced)],
        arrayMap(part -> ('model', part.model, part.cost_usd, part.unpriced), models)) AS scoped
    WHERE date > today() - 60 AND NOT is_dated_ahead
    UNION ALL
    SELECT 'project', project, machine, agent, date, cost_usd, unpriced
    FROM {database}.projects_daily
    WHERE date > today() - 60 AND NOT is_dated_ahead
),
limited AS
(
    SELECT scope, name, machine, agent, source_date, cost, usage_unpriced
    FROM usage
    WHERE (scope, name) GLOBAL IN (SELECT toString(scope), part FROM covered)
),
chosen AS
(
    SELECT machine, agent, month, today, by_weekday, past_days, today_usd, toFloat64(cost_today_usd) AS cost_today
    FROM {database}.forecast_methods
    WHERE is_chosen AND machine != '' AND agent != ''
),
-- What each day of this month is made of: its own cost up to today, the weighted cost of others for what is missing.
days AS
(
    SELECT
        scope,
        name,
        machine,
        agent,
        today,
        date,
        sumIf(cost, date = source_date) AS spent,
        spent + toDecimal64(round(sumIf({part:forecast_weight} * toFloat64(cost), date > source_date), 9), 9) AS expected,
        maxIf(usage_unpriced, date = source_date) AS unpriced
    FROM limited
    GLOBAL INNER JOIN chosen ON limited.machine = chosen.machine AND limited.agent = chosen.agent
    ARRAY JOIN arrayFilter(
        day -> day = source_date OR (day >= today AND source_date < today AND source_date >= today - past_days AND (NOT by_weekday OR (day - source_date) % 7 = 0)),
        arrayMap(days -> month + days, range(toUInt32(toDayOfMonth(toLastDayOfMonth(month)))))) AS date
    GROUP BY scope, name, machine, agent, today, date
)
SELECT
    scope,
    covered.name AS name,
    period,
    limit_usd,
    sumIf(days.spent, is_counted) AS spent_usd,
    limit_usd - spent_usd AS remaining_usd,
    toFloat64(spent_usd) / nullIf(toFloat64(limit_usd), 0) AS share,
    toBool(spent_usd > limit_usd) AS is_over,
    sumIf(days.expected, is_counted) AS forecast_usd,
    arrayFirstOrNull((day, reached) -> reached > limit_usd,
        (arraySort(groupArrayIf((date, days.expected), (period = 'monthly' OR date = today) AS is_counted)) AS path).1, arrayCumSum(path.2)) AS crossing_day,
    maxIf(days.unpriced, is_counted) AS unpriced
FROM covered
GLOBAL LEFT JOIN days ON covered.scope = days.scope AND covered.part = days.name
GROUP BY scope, name, period, limit_usd
{part:own_settings}
COMMENT 'one row is one budget in its current period'
