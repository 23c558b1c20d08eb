-- what is held now, the largest difference first, and how much there is
SELECT count() OVER (), offered_at, machine, agent, report, key, 'held', reason, stored_cost_usd, offered_cost_usd
FROM held_records
WHERE {machine:String} = '' OR machine = {machine:String}
ORDER BY abs(offered_cost_usd - stored_cost_usd) DESC, report, key
LIMIT {rows:UInt32}
