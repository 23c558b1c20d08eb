-- How much of each budget is spent?
-- group: budget
SELECT scope, name, period, limit_usd, spent_usd, remaining_usd, round(share, 4) AS spent_share, is_over, unpriced
FROM budget_status
ORDER BY share DESC NULLS LAST, scope, name, period
