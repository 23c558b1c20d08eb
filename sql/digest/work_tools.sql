-- tools of the last 30 days, most called first, by all machines together; the waits are of the machine with most calls
SELECT
    tool,
    sum(pattern.calls) AS times,
    sum(errors),
    sum(denied),
    argMax(wait_p50_ms, (pattern.calls, machine)) / 1000,
    argMax(wait_p95_ms, (pattern.calls, machine)) / 1000,
    sum(lines_added),
    sum(lines_removed)
FROM tool_patterns AS pattern
WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY tool
ORDER BY times DESC, tool
LIMIT {rows:UInt32}
