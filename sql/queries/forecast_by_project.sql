-- What will each project cost this month?
-- group: forecast
-- param: machine String = : only this machine; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: what no project has, as the usage of agents without a report of projects, is a row without a name; all rows add up to month_forecast
WITH costs AS
(
    SELECT project, machine, agent, date, cost_usd AS cost, unpriced FROM projects_daily WHERE NOT is_dated_ahead
    UNION ALL
    SELECT '', machine, agent, date, cost_usd, unpriced AND agent != 'claude' FROM daily WHERE NOT is_dated_ahead
    UNION ALL
    SELECT '', machine, agent, date, -cost_usd, false FROM projects_daily WHERE NOT is_dated_ahead
),
-- What each day of this month is made of: its own cost up to today, the weighted cost of others for what is missing.
sources AS
(
    SELECT machine, agent, toStartOfMonth(today) + arrayJoin(range(toUInt32(toDayOfMonth(today)))) AS date, date AS source_date, 1 AS is_spent, 0. AS weight
    FROM calendar
    UNION ALL
    SELECT machine, agent, date, source_date, 0, weight
    FROM forecast_weights
)
SELECT
    project,
    sumIf(cost, is_spent) AS month_to_date_usd,
    round(toFloat64(month_to_date_usd) + sum(weight * toFloat64(cost)), 6) AS forecast_usd,
    max(costs.unpriced) AS unpriced
FROM costs
GLOBAL INNER JOIN sources ON costs.machine = sources.machine AND costs.agent = sources.agent AND costs.date = sources.source_date
WHERE sources.date >= (SELECT max(toStartOfMonth(today)) FROM calendar)
    AND ({machine:String} = '' OR costs.machine = {machine:String})
GROUP BY project
HAVING project != '' OR abs(forecast_usd) >= 0.000001
ORDER BY forecast_usd DESC, project
LIMIT {top:UInt32}
