-- What will this month cost?
-- group: forecast
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: interval (80 %) and error are of one agent on one machine and NULL over several: choose with machine and agent
SELECT
    month,
    max(each.days_left) AS days_left,
    sum(each.month_to_date_usd) AS month_to_date_usd,
    sum(each.forecast_usd) AS forecast_usd,
    if(count() = 1, any(each.low_usd), NULL) AS low_usd,
    if(count() = 1, any(each.high_usd), NULL) AS high_usd,
    if(count() = 1, round(any(each.backtest_error), 4), NULL) AS backtest_error,
    max(each.unpriced) AS unpriced
FROM forecast_month AS each
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY month
ORDER BY month DESC
