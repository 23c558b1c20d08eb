CREATE OR REPLACE VIEW {database}.forecast_month {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    month Date COMMENT 'first day of this month in the zone of the newest row',
    today Date COMMENT 'the day the forecast is made on',
    days_left UInt8 COMMENT 'days of the month that are not over, today included',
    month_to_date_usd Decimal(18, 9) COMMENT 'cost of the month so far, today included',
    forecast_usd Decimal(18, 9) COMMENT 'cost of the whole month; may be summed over rows',
    low_usd Nullable(Decimal(18, 9)) COMMENT 'lower bound of the 80% interval, at least the cost so far; NULL with less than 21 days of history or without usage in the last 56; not to be summed',
    high_usd Nullable(Decimal(18, 9)) COMMENT 'upper bound of the 80% interval; as the lower one',
    month_to_date_tokens UInt64 COMMENT 'tokens of the month so far, today included',
    forecast_tokens UInt64 COMMENT 'tokens of the whole month, from the same past days as the cost; may be summed over rows',
    method LowCardinality(String) COMMENT 'how it is forecast, see forecast_methods',
    backtest_error Nullable(Float64) COMMENT 'what such forecasts missed in the past: the sum of the absolute errors as a share of the sum of the costs; NULL without any',
    backtest_forecasts UInt64 COMMENT 'past days from which that was tried',
    backtest_days UInt8 COMMENT 'days that each of these forecasts was for',
    days_usd Map(Date, Float64) COMMENT 'forecast of each day that is left, today at least what it has cost already; a day that costs nothing is left out',
    unpriced Bool COMMENT 'some usage of this month or the 56 days before today has no price and counts as 0'
)
AS SELECT *
FROM {database}.forecast_totals
WHERE machine != '' AND agent != ''
COMMENT 'one row is one agent on one machine: this month'
