-- On which days did the cost jump against the day before?
-- group: anomalies
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: top UInt32 = 10: how many rows at most
SELECT date, cost_before_usd, cost_usd, cost_usd - cost_before_usd AS cost_change_usd, unpriced
FROM
(
    SELECT
        date,
        sum(day.cost_usd) AS cost_usd,
        any(toNullable(cost_usd)) OVER (ORDER BY date ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS cost_before_usd,
        max(day.unpriced) AS unpriced
    FROM daily_summary AS day
    WHERE ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
    GROUP BY date
)
WHERE cost_change_usd != 0 AND date BETWEEN {since:Date} AND {until:Date}
ORDER BY abs(cost_change_usd) DESC, date DESC
LIMIT {top:UInt32}
