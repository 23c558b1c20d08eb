-- what this month is expected to cost, and each day that is left of it; while it is another month on some machines, there are two, and
-- neither is of what is shown as spent this month
SELECT forecast_usd, forecast_tokens, low_usd, high_usd, method, backtest_error, mapApply((day, usd) -> (day, toDecimal64(round(usd, 9), 9)), days_usd)
FROM forecast_totals
WHERE machine = {machine:String} AND agent = {agent:String}
QUALIFY count() OVER () = 1
