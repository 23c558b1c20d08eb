-- what each day that is left of this month is expected to cost, today with what it has cost already
SELECT date AS day, toDecimal64(round(sum(cost), 9), 9)
FROM
(
    SELECT machine, date, toFloat64(cost_usd) AS cost
    FROM daily_summary
    WHERE date = (SELECT max(today) FROM forecast_totals)
    UNION ALL
    SELECT daily.machine, weights.date, weight * toFloat64(daily.cost_usd)
    FROM daily
    GLOBAL INNER JOIN forecast_weights AS weights
        ON daily.machine = weights.machine AND daily.agent = weights.agent AND daily.date = weights.source_date
)
WHERE {machine:String} = '' OR machine = {machine:String}
GROUP BY day
ORDER BY day
