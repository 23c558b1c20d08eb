-- How did turns end and what did they cost, by days in UTC?
-- group: sessions
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
SELECT
    outcome,
    count() AS turns,
    sum(turn.total_tokens) AS total_tokens,
    sum(turn.cost_usd) AS cost_usd,
    max(turn.unpriced) AS unpriced
FROM turns AS turn
WHERE toDate(at, 'UTC') BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
GROUP BY outcome
ORDER BY cost_usd DESC, outcome
