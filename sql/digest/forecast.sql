-- what this month is expected to cost; bounds of several machines or agents cannot be added up and are NULL
SELECT
    sum(forecast_usd),
    if(count() = 1, any(low_usd), NULL),
    if(count() = 1, any(high_usd), NULL),
    if(count() = 1, any(backtest_error), NULL)
FROM forecast_month
WHERE {machine:String} = '' OR machine = {machine:String}
