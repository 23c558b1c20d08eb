-- What will this month cost?
-- group: forecast
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: low and high bound it in 80% of cases; the error is that of such forecasts in the past, as a share of the cost
SELECT
    month,
    days_left,
    month_to_date_usd,
    forecast_usd,
    low_usd,
    high_usd,
    month_to_date_tokens,
    forecast_tokens,
    method,
    round(backtest_error, 4) AS backtest_error,
    unpriced
FROM forecast_totals
WHERE machine = {machine:String} AND agent = {agent:String}
ORDER BY month DESC
