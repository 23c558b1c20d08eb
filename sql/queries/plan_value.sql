-- What was each month worth beyond the price of the plan?
-- group: budget
-- note: a partial month is not over, or the history begins in it; `config set plan.monthly 200` says what the plan costs
SELECT account, month, cost_usd, plan_usd, beyond_usd, round(times_price, 2) AS times_price, is_partial, unpriced
FROM plan_value
ORDER BY month DESC, account
