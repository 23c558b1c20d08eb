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
)
SELECT
    project,
    sum(spent) AS month_to_date_usd,
    round(toFloat64(month_to_date_usd) + sum(missing), 6) AS forecast_usd,
    max(part.unpriced) AS unpriced
FROM
(
    SELECT project, machine, date, cost AS spent, 0. AS missing, unpriced
    FROM costs
    UNION ALL
    SELECT project, source.machine, weights.date, toDecimal64(0, 9), weight * toFloat64(cost), unpriced
    FROM costs AS source
    GLOBAL INNER JOIN forecast_weights AS weights
        ON source.machine = weights.machine AND source.agent = weights.agent AND source.date = weights.source_date
) AS part
WHERE date >= (SELECT max(toStartOfMonth(today)) FROM calendar)
    AND ({machine:String} = '' OR machine = {machine:String})
GROUP BY project
HAVING project != '' OR abs(forecast_usd) >= 0.000001
ORDER BY forecast_usd DESC, project
LIMIT {top:UInt32}
