-- what each day that is left of this month is expected to cost
SELECT weights.date AS day, toDecimal64(round(sum(weights.weight * toFloat64(daily.cost_usd)), 9), 9)
FROM daily
GLOBAL INNER JOIN forecast_weights AS weights
    ON daily.machine = weights.machine AND daily.agent = weights.agent AND daily.date = weights.source_date
WHERE {machine:String} = '' OR daily.machine = {machine:String}
GROUP BY day
ORDER BY day
