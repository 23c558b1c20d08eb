-- What do small sessions cost with each model?
-- group: cost
-- param: max_output_tokens UInt32 = 2000: output tokens of a session up to which it is small
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- note: a cheaper model may do for small sessions
-- note: a session counts on the day of its last activity; ccusage gives no time for sessions of opencode and gemini, which are left out
SELECT
    part.model AS model,
    countIf(is_small) AS small_sessions,
    sumIf(part.cost_usd, is_small) AS small_cost_usd,
    sum(part.cost_usd) AS cost_usd,
    round(toFloat64(small_cost_usd) / nullIf(toFloat64(cost_usd), 0), 4) AS small_share,
    max(part.unpriced) AS unpriced
FROM
(
    SELECT models, output_tokens <= {max_output_tokens:UInt32} AS is_small
    FROM sessions
    WHERE date BETWEEN {since:Date} AND {until:Date}
        AND ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
        AND ({project:String} = '' OR project = {project:String})
)
ARRAY JOIN models AS part
GROUP BY model
ORDER BY small_cost_usd DESC, model
