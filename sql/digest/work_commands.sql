-- slash commands of the last 30 days, dearest first, by all machines together
SELECT
    command,
    sum(runs) AS times,
    sum(pattern.cost_usd) AS usd,
    max(pattern.unpriced),
    toDecimal64(sum(pattern.mean_cost_usd * runs) / times, 6),
    sum(seconds_p50 * runs) / times,
    sum((failed_share + interrupted_share) * runs) / times,
    argMax(cost_driver, (runs, machine))
FROM command_patterns AS pattern
WHERE kind != 'bash' AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY command
ORDER BY usd DESC, command
LIMIT {rows:UInt32}
