-- How well would each way of forecasting have done?
-- group: forecast
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: tried on the past for as many days as are left, at most a third of the history; the error is a share of the cost
SELECT
    month,
    method,
    is_chosen,
    round(left_usd, 6) AS left_usd,
    round(backtest_error, 4) AS backtest_error,
    backtest_forecasts,
    backtest_days,
    unpriced
FROM forecast_methods
WHERE machine = {machine:String} AND agent = {agent:String}
ORDER BY month DESC, backtest_error, method
