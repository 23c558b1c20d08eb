-- What will each project cost this month?
-- group: forecast
-- param: machine String = : only this machine; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: today counts as its forecast, or as what it has cost already where that is more
SELECT
    project,
    sum(spent) AS month_to_date_usd,
    round(sum(greatest(toFloat64(spent), expected)), 6) AS forecast_usd,
    max(day.unpriced) AS unpriced
FROM
(
    SELECT project, machine, agent, date, sum(cost) AS spent, sum(forecast) AS expected, max(part.unpriced) AS unpriced
    FROM
    (
        SELECT project, machine, agent, date, cost_usd AS cost, 0. AS forecast, unpriced
        FROM projects_daily
        UNION ALL
        SELECT project, source.machine, source.agent, weights.date, toDecimal64(0, 9), weight * toFloat64(cost_usd), unpriced
        FROM projects_daily AS source
        GLOBAL INNER JOIN forecast_weights AS weights
            ON source.machine = weights.machine AND source.agent = weights.agent AND source.date = weights.source_date
    ) AS part
    WHERE date >= (SELECT toStartOfMonth(max(date)) FROM daily_summary)
        AND ({machine:String} = '' OR machine = {machine:String})
    GROUP BY project, machine, agent, date
) AS day
GROUP BY project
ORDER BY forecast_usd DESC, project
LIMIT {top:UInt32}
