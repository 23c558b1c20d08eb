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
AS WITH limits AS
(
    SELECT scope, name, period, argMax(budgets.limit_usd, revision) AS limit_usd, argMax(budgets.covers, revision) AS covers
    FROM {database}.budgets FINAL
    GROUP BY scope, name, period
),
-- A name that people use stands for the stored ones that it covers.
covered AS
(
    SELECT scope, name, period, limit_usd, arrayJoin(if(empty(covers), [name], covers)) AS part
    FROM limits
),
-- What is behind the month and the 56 days before today, whatever the zone.
usage AS
(
    SELECT scoped.1 AS scope, scoped.2 AS name, machine, agent, date, cost_usd, unpriced
    FROM {database}.daily
    ARRAY JOIN [('all', ''), ('agent', toString(agent)), ('machine', toString(machine))] AS scoped
    WHERE date > today() - 60 AND NOT is_dated_ahead
    UNION ALL
    SELECT 'project', project, machine, agent, date, cost_usd, unpriced
    FROM {database}.projects_daily
    WHERE date > today() - 60 AND NOT is_dated_ahead
    UNION ALL
    SELECT 'model', part.model, machine, agent, date, part.cost_usd, part.unpriced
    FROM {database}.daily
    ARRAY JOIN models AS part
    WHERE date > today() - 60 AND NOT is_dated_ahead
),
limited AS
(
    SELECT scope, name, machine, agent, date, cost_usd, unpriced
    FROM usage
    WHERE (scope, name) GLOBAL IN (SELECT toString(scope), part FROM covered)
),
-- What each day of this month is made of: its own cost up to today, the weighted cost of others for what is missing.
sources AS
(
    SELECT machine, agent, today, toStartOfMonth(today) + arrayJoin(range(toUInt32(toDayOfMonth(today)))) AS date, date AS source_date, true AS is_spent, 0. AS weight
    FROM {database}.calendar
    UNION ALL
    SELECT machine, agent, today, date, source_date, false, weight
    FROM {database}.forecast_weights
),
days AS
(
    SELECT
        scope,
        name,
        machine,
        agent,
        today,
        sources.date AS date,
        sumIf(limited.cost_usd, is_spent) AS cost_usd,
        toDecimal64(round(sum(weight * toFloat64(limited.cost_usd)), 9), 9) AS forecast_usd,
        maxIf(limited.unpriced, is_spent) AS unpriced
    FROM limited
    GLOBAL INNER JOIN sources ON limited.machine = sources.machine AND limited.agent = sources.agent AND limited.date = sources.source_date
    GROUP BY scope, name, machine, agent, today, date
),
path AS
(
    SELECT
        scope,
        covered.name AS name,
        period,
        date,
        limit_usd,
        sum(cost_usd) AS spent,
        sum(cost_usd + forecast_usd) AS expected,
        max(unpriced) AS unpriced,
        sum(expected) OVER (PARTITION BY scope, name, period ORDER BY date) AS reached
    FROM covered
    GLOBAL INNER JOIN days ON covered.scope = days.scope AND covered.part = days.name
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
