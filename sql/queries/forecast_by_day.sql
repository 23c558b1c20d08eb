-- What will each day cost that is left in the month?
-- group: forecast
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: today counts as a whole day, whatever it has cost so far
SELECT weights.date AS date, round(sum(weight * toFloat64(cost_usd)), 6) AS forecast_usd, max(source.unpriced) AS unpriced
FROM daily AS source
GLOBAL INNER JOIN forecast_weights AS weights
    ON source.machine = weights.machine AND source.agent = weights.agent AND source.date = weights.source_date
WHERE ({machine:String} = '' OR source.machine = {machine:String})
    AND ({agent:String} = '' OR source.agent = {agent:String})
GROUP BY date
ORDER BY date
