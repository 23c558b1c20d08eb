-- What did each day cost, newest first?
-- group: daily
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
SELECT date, sum(cost_usd) AS cost_usd, sum(total_tokens) AS total_tokens, max(unpriced) AS unpriced
FROM daily
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY date
ORDER BY date DESC
