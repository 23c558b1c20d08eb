-- Which tools does one wait for longest?
-- group: prompts
-- param: machine String = : only this machine; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: of the last 30 days; in seconds, waits for a permission included
SELECT tool, machine, calls, round(wait_p50_ms / 1000, 1) AS wait_p50, round(wait_p95_ms / 1000, 1) AS wait_p95
FROM tool_patterns
WHERE ({machine:String} = '' OR machine = {machine:String})
ORDER BY wait_p95_ms DESC NULLS LAST, tool, machine
LIMIT {top:UInt32}
