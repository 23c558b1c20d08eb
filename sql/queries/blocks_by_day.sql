-- How many five-hour blocks began on each day?
-- group: blocks
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a block counts whole on the day of its start
SELECT date, count() AS blocks, sum(entries) AS messages, sum(cost_usd) AS cost_usd, sum(total_tokens) AS total_tokens, max(unpriced) AS unpriced
FROM blocks
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY date
ORDER BY date DESC
