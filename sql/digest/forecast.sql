-- what this month is expected to cost
SELECT forecast_usd, forecast_tokens, low_usd, high_usd, method, backtest_error
FROM forecast_totals
WHERE machine = {machine:String} AND agent = {agent:String}
ORDER BY month DESC
LIMIT 1
