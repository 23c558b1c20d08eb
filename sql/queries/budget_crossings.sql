-- Which budgets are crossed, or will be, and when?
-- group: budget
SELECT scope, name, period, limit_usd, crossing_day, forecast_usd, forecast_usd - limit_usd AS forecast_over_usd, is_over, unpriced
FROM budget_status
WHERE isNotNull(crossing_day)
ORDER BY crossing_day, scope, name, period
