-- What did each day cost, newest first?
-- group: daily
-- param: since Date = 30 days ago: first day
-- param: machine String = : only this machine
SELECT date, sum(cost_usd) AS cost_usd, sum(total_tokens) AS total_tokens, max(unpriced) AS unpriced
FROM daily
WHERE date >= {since:Date} AND ({machine:String} = '' OR machine = {machine:String})
GROUP BY date
ORDER BY date DESC
