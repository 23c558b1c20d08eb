-- what this month and the last one were worth beyond the price of the plan; machines may share one
SELECT account, month, cost_usd, plan_usd, beyond_usd, times_price, is_partial, unpriced
FROM plan_value
WHERE {machine:String} = '' AND month >= {compared_since:Date}
ORDER BY account, month
