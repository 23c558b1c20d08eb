-- How much is kept against smaller numbers of ccusage?
-- group: audit
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a usage is in several reports: do not add them up; what ccusage does not offer at all any more is kept too, and not in here
SELECT
    report,
    machine,
    agent,
    reason,
    count() AS held_records,
    sum(held.stored_cost_usd) AS stored_cost_usd,
    sum(held.offered_cost_usd) AS offered_cost_usd,
    stored_cost_usd - offered_cost_usd AS cost_kept_usd,
    sum(toInt64(stored_tokens) - toInt64(offered_tokens)) AS tokens_kept
FROM held_records AS held
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY report, machine, agent, reason
ORDER BY report, cost_kept_usd DESC, machine, agent, reason
