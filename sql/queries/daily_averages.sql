-- How does each day compare with the mean of 7 and 30 days?
-- group: daily
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a mean counts days without usage as 0, and is of fewer days where the history is shorter
SELECT date, cost_usd, mean_of_7_days_usd, mean_of_30_days_usd, unpriced
FROM
(
    SELECT
        date,
        sum(day.cost_usd) AS cost_usd,
        round(avg(cost_usd) OVER (ORDER BY date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW), 6) AS mean_of_7_days_usd,
        round(avg(cost_usd) OVER (ORDER BY date ROWS BETWEEN 29 PRECEDING AND CURRENT ROW), 6) AS mean_of_30_days_usd,
        max(day.unpriced) AS unpriced
    FROM daily_summary AS day
    WHERE ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
    GROUP BY date
)
WHERE date BETWEEN {since:Date} AND {until:Date}
ORDER BY date DESC
