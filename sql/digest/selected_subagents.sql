-- what subagents cost on the days and in the projects that are shown
SELECT
    CAST(project, 'String') AS name,
    CAST(machine, 'String') AS host,
    uniqExactIf(agent_id, agent_id != 0) AS tasks,
    sumIf(answer.cost_usd, agent_id != 0) AS usd,
    toBool(maxIf(answer.unpriced, agent_id != 0)),
    toFloat64(usd) / nullIf(toFloat64(sum(answer.cost_usd)), 0),
    toDecimal64(toFloat64(usd) / tasks, 6)
FROM message_facts_by_month AS answer FINAL
WHERE is_shown AND counts_in != 2 AND NOT bitTest(taken_back, 0) AND date BETWEEN {work_since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String}) AND {agent:String} IN ('', 'claude')
    AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
GROUP BY name, host
HAVING tasks > 0
ORDER BY usd DESC, name, host
LIMIT {rows:UInt32}
