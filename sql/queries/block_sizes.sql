-- How large are blocks: median, p90 and largest?
-- group: blocks
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a limit holds for a block of one machine and agent, so these are apart; open blocks are left out
SELECT
    machine,
    agent,
    count() AS blocks,
    round(quantileExactInclusive(0.5)(toFloat64(block.cost_usd)), 6) AS median_cost_usd,
    round(quantileExactInclusive(0.9)(toFloat64(block.cost_usd)), 6) AS cost_of_90_percent_usd,
    max(block.cost_usd) AS largest_cost_usd,
    quantileExactInclusive(0.5)(block.total_tokens) AS median_tokens,
    max(block.total_tokens) AS largest_tokens,
    max(block.unpriced) AS unpriced
FROM blocks AS block
WHERE NOT is_active AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY machine, agent
ORDER BY machine, agent
