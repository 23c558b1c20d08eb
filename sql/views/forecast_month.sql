-- Month to date plus the forecast of each day that is left, see forecast_weights. Today counts as its forecast, or as what it
-- has cost already where that is more.
-- Interval: forecasts of as many days as are left, made on each day of the last 365 from what was known then (time series
-- cross-validation, Hyndman, Athanasopoulos: Forecasting: Principles and Practice, 3rd ed., 5.10), give the ratios of actual to
-- forecast cost. Their 10 % and 90 % quantiles times the forecast of the days that are left bound 80 % of that history. As it is
-- empirical it need not lie evenly round the forecast.
-- Back-test error: mean absolute percentage error of the totals of the last 12 months, each forecast on the same day of
-- the month (the last one in a shorter month), with nothing of that day known yet.
CREATE OR REPLACE VIEW {database}.forecast_month {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    month Date COMMENT 'first day of this month in the zone of the newest row',
    today Date COMMENT 'the day the forecast is made on',
    days_left UInt8 COMMENT 'days of the month that are not over, today included',
    month_to_date_usd Decimal(18, 9) COMMENT 'cost of the month so far, today included',
    forecast_usd Decimal(18, 9) COMMENT 'cost of the whole month; may be summed over rows',
    low_usd Nullable(Decimal(18, 9)) COMMENT 'lower bound of the 80 % interval, at least the cost so far; NULL with less than 28 forecasts to learn from; not to be summed',
    high_usd Nullable(Decimal(18, 9)) COMMENT 'upper bound of the 80 % interval; as the lower one',
    interval_forecasts UInt64 COMMENT 'past forecasts of as many days that the interval is made of',
    backtest_error Nullable(Float64) COMMENT 'mean absolute error of the months that were forecast so, as a share of their cost; NULL without such a month',
    backtest_months UInt64 COMMENT 'how many months that were',
    unpriced Bool COMMENT 'some usage of this month or the 28 days before today has no price and counts as 0'
)
AS WITH days AS
(
    SELECT
        machine,
        agent,
        date,
        cost_usd,
        unpriced,
        min(date) OVER (PARTITION BY machine, agent) AS first_day,
        max(date) OVER (PARTITION BY machine, agent) AS today
    FROM {database}.daily_summary
),
origins AS
(
    SELECT
        machine,
        agent,
        date,
        cost_usd,
        unpriced,
        today,
        toStartOfMonth(today) AS month,
        toLastDayOfMonth(today) - today + 1 AS days_left,
        date >= first_day + 28 AS has_history,
        -- The 28 days before, the day itself and the 30 after it: of days with history the first 28 are the past.
        groupArray(toFloat64(cost_usd)) OVER (PARTITION BY machine, agent ORDER BY date ROWS BETWEEN 28 PRECEDING AND 30 FOLLOWING) AS around,
        toFloat64(sum(cost_usd) OVER (PARTITION BY machine, agent, toStartOfMonth(date) ORDER BY date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) - toFloat64(cost_usd) AS known,
        has_history AND date < today AND date + days_left <= today AND date >= today - 365 AS is_rolling,
        has_history AND date < month AND toDayOfMonth(date) = least(toDayOfMonth(today), toDayOfMonth(toLastDayOfMonth(date))) AND date >= addMonths(month, -12) AS is_monthly,
        if(is_rolling, days_left, 0) AS rolling_days,
        if(is_monthly, toLastDayOfMonth(date) - date + 1, 0) AS monthly_days,
        -- Past day j, counted from 0, is of the weekday that is j % 7 days after the origin.
        arraySum((cost, j) -> cost * intDiv(rolling_days - j % 7 + 6, 7), arrayResize(around, 28), range(28)) / 4 AS rolling_forecast,
        arraySum((cost, j) -> cost * intDiv(monthly_days - j % 7 + 6, 7), arrayResize(around, 28), range(28)) / 4 AS monthly_forecast,
        arraySum(arraySlice(around, 29, rolling_days)) AS rolling_actual,
        arraySum(arraySlice(around, 29, monthly_days)) AS monthly_actual
    FROM days
    WHERE date >= addMonths(toStartOfMonth(today), -13)
),
tests AS
(
    SELECT
        machine,
        agent,
        today,
        any(origins.month) AS month,
        any(origins.days_left) AS days_left,
        sumIf(cost_usd, date >= origins.month) AS month_to_date_usd,
        toFloat64(sumIf(cost_usd, date = today)) AS cost_today,
        maxIf(unpriced, date >= origins.month OR date >= today - 28) AS unpriced,
        countIf(rolling_forecast > 0) AS interval_forecasts,
        quantilesExactInclusiveIf(0.1, 0.9)(rolling_actual / rolling_forecast, rolling_forecast > 0) AS bounds,
        countIf(is_monthly AND known + monthly_actual > 0) AS backtest_months,
        avgOrNullIf(abs(monthly_forecast - monthly_actual) / (known + monthly_actual), is_monthly AND known + monthly_actual > 0) AS backtest_error
    FROM origins
    GROUP BY machine, agent, today
),
forecasts AS
(
    SELECT
        days.machine AS machine,
        days.agent AS agent,
        sum(weight * toFloat64(cost_usd)) AS forecast_left,
        sumIf(weight * toFloat64(cost_usd), weights.date = weights.today) AS forecast_today
    FROM {database}.daily AS days
    GLOBAL INNER JOIN {database}.forecast_weights AS weights
        ON days.machine = weights.machine AND days.agent = weights.agent AND days.date = weights.source_date
    GROUP BY machine, agent
)
SELECT
    machine,
    agent,
    month,
    today,
    days_left,
    month_to_date_usd,
    month_to_date_usd + toDecimal64(round(greatest(left - cost_today, left - ifNull(forecast_today, 0)), 9), 9) AS forecast_usd,
    if(interval_forecasts >= 28, month_to_date_usd + accurateCastOrNull(round(greatest(0, left * bounds[1] - cost_today), 9), 'Decimal(18, 9)'), NULL) AS low_usd,
    if(interval_forecasts >= 28, month_to_date_usd + accurateCastOrNull(round(greatest(0, left * bounds[2] - cost_today), 9), 'Decimal(18, 9)'), NULL) AS high_usd,
    interval_forecasts,
    backtest_error,
    backtest_months,
    unpriced
FROM (SELECT *, ifNull(forecast_left, 0) AS left FROM tests GLOBAL LEFT JOIN forecasts USING (machine, agent)) AS forecast
COMMENT 'one row is one agent on one machine: this month'
