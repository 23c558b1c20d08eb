-- Which days cost most?
-- group: daily
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: cost_share is that of the whole period
SELECT
    date,
    sum(day.cost_usd) AS cost_usd,
    round(toFloat64(cost_usd) / nullIf(toFloat64(sum(cost_usd) OVER ()), 0), 4) AS cost_share,
    sum(day.total_tokens) AS total_tokens,
    max(day.unpriced) AS unpriced
FROM daily AS day
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY date
ORDER BY cost_usd DESC, date DESC
LIMIT {top:UInt32}
