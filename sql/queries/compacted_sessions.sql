-- Which sessions grew until they were compacted?
-- group: prompts
-- param: machine String = : only this machine; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: of the last 30 days
SELECT project, claude_session_id, machine, compactions, largest_context_tokens, round(cache_share_after_compaction, 4) AS cache_share_after, cost_usd, unpriced
FROM sessions_health
WHERE compactions > 0 AND ({machine:String} = '' OR machine = {machine:String})
ORDER BY compactions DESC, largest_context_tokens DESC, claude_session_id, machine
LIMIT {top:UInt32}
