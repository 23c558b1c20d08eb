-- what each day that is left of this month is expected to cost, today with what it has cost already
SELECT date AS day, toDecimal64(round(sum(cost), 9), 9)
FROM
(
    SELECT machine, agent, date, toFloat64(cost_usd) AS cost
    FROM daily
    WHERE date = (SELECT max(today) FROM calendar)
    UNION ALL
    SELECT daily.machine, daily.agent, weights.date, weight * toFloat64(daily.cost_usd)
    FROM daily
    GLOBAL INNER JOIN forecast_weights AS weights
        ON daily.machine = weights.machine AND daily.agent = weights.agent AND daily.date = weights.source_date
)
WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY day
ORDER BY day
