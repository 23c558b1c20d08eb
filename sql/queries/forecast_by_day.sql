-- What will each day of this month have cost?
-- group: forecast
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: the days add up to month_forecast; today counts as its forecast, or as what it has cost already where that is more
SELECT date, sum(spent) AS spent_usd, round(toFloat64(spent_usd) + sum(missing), 6) AS forecast_usd, max(part.unpriced) AS unpriced
FROM
(
    SELECT machine, agent, date, cost_usd AS spent, 0. AS missing, unpriced
    FROM daily_summary
    UNION ALL
    SELECT source.machine, source.agent, weights.date, toDecimal64(0, 9), weight * toFloat64(cost_usd), unpriced
    FROM daily AS source
    GLOBAL INNER JOIN forecast_weights AS weights
        ON source.machine = weights.machine AND source.agent = weights.agent AND source.date = weights.source_date
) AS part
WHERE date >= (SELECT max(toStartOfMonth(today)) FROM calendar WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String}))
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY date
ORDER BY date
