-- How much is kept against smaller numbers of ccusage?
-- group: audit
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a usage is in several reports: do not add them up; what ccusage does not offer at all any more is kept too, and not in here
-- note: blocks move: what is held of them counts against all stored blocks that it overlaps in time
SELECT
    report,
    machine,
    agent,
    reason,
    sum(held) AS held_records,
    sum(stored_cost) AS stored_cost_usd,
    sum(offered_cost) AS offered_cost_usd,
    stored_cost_usd - offered_cost_usd AS cost_kept_usd,
    sum(stored_tokens) - sum(offered_tokens) AS tokens_kept
FROM
(
    SELECT
        report,
        machine,
        agent,
        reason,
        toUInt64(1) AS held,
        if(report = 'blocks', 0, stored_cost_usd) AS stored_cost,
        offered_cost_usd AS offered_cost,
        if(report = 'blocks', 0, toInt64(held_records.stored_tokens)) AS stored_tokens,
        toInt64(held_records.offered_tokens) AS offered_tokens
    FROM held_records
    UNION ALL
    SELECT 'blocks', machine, agent, min(offers.reason), 0, any(cost_usd), 0, toInt64(any(total_tokens)), 0
    FROM blocks
    GLOBAL INNER JOIN
    (
        SELECT machine, agent, reason, parseDateTime64BestEffort(key, 3, 'UTC') AS offered_at
        FROM held_records
        WHERE report = 'blocks'
    ) AS offers ON blocks.machine = offers.machine AND blocks.agent = offers.agent
    WHERE started_at < offers.offered_at + INTERVAL 5 HOUR AND ends_at > offers.offered_at
    GROUP BY machine, agent, started_at
)
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY report, machine, agent, reason
ORDER BY report, cost_kept_usd DESC, machine, agent, reason
