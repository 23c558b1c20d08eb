-- The forecast is the cost of the month so far and what forecast_methods chose for each agent on each machine: parts add up to their
-- totals. Today counts as its forecast, or as what it has cost already where that is more. The interval and the error of a total are
-- those of its own days, which vary less than its parts; there is always a little room above the forecast.
CREATE OR REPLACE VIEW {database}.forecast_totals {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from; empty for all machines together',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from; empty for all agents together',
    month Date COMMENT 'first day of this month in the zone of the newest row',
    today Date COMMENT 'the day the forecast is made on',
    days_left UInt8 COMMENT 'days of the month that are not over, today included',
    month_to_date_usd Decimal(18, 9) COMMENT 'cost of the month so far, today included',
    forecast_usd Decimal(18, 9) COMMENT 'cost of the whole month',
    low_usd Nullable(Decimal(18, 9)) COMMENT 'lower bound of the 80% interval, at least the cost so far; NULL with less than 21 days of history or without usage in the last 56; not to be summed',
    high_usd Nullable(Decimal(18, 9)) COMMENT 'upper bound of the 80% interval; as the lower one',
    month_to_date_tokens UInt64 COMMENT 'tokens of the month so far, today included',
    forecast_tokens UInt64 COMMENT 'tokens of the whole month, from the same past days as the cost',
    method LowCardinality(String) COMMENT 'how it is forecast, see forecast_methods; several with commas between where the parts of a total differ',
    backtest_error Nullable(Float64) COMMENT 'what such forecasts missed in the past: the sum of the absolute errors as a share of the sum of the costs; NULL without any',
    backtest_forecasts UInt64 COMMENT 'past days from which that was tried',
    backtest_days UInt8 COMMENT 'days that each of these forecasts was for',
    days_usd Map(Date, Float64) COMMENT 'forecast of each day that is left, today at least what it has cost already; a day that costs nothing is left out',
    unpriced Bool COMMENT 'some usage of this month or the 56 days before today has no price and counts as 0'
)
AS WITH totals AS
(
    SELECT
        total.1 AS machine,
        total.2 AS agent,
        month,
        maxIf(methods.today, is_total) AS today,
        maxIf(methods.days_left, is_total) AS days_left,
        maxIf(methods.month_to_date_usd, is_total) AS month_to_date_usd,
        toFloat64(maxIf(cost_today_usd, is_total)) AS cost_today,
        sumIf(left_usd, is_part) AS left,
        sumIf(left_usd - least(today_usd, toFloat64(cost_today_usd)), is_part) AS rest,
        maxIf(half_width_usd, is_total) AS half_width,
        maxIf(methods.month_to_date_tokens, is_total) AS month_to_date_tokens,
        sumIf(left_tokens - least(today_tokens, toFloat64(tokens_today)), is_part) AS rest_tokens,
        -- What parts are missing of each day, and what today has cost.
        sumMap(
            arrayMap(number -> methods.today + number - 1, arrayEnumerate(methods.days_usd)),
            arrayMap(
                (usd, number) -> if(is_part, usd - if(number = 1, least(usd, toFloat64(cost_today_usd)), 0), 0)
                    + if(is_total AND number = 1, toFloat64(cost_today_usd), 0),
                methods.days_usd, arrayEnumerate(methods.days_usd))) AS day_sums,
        groupUniqArrayIf(methods.method, is_part) AS names,
        maxIf(methods.backtest_error, is_total) AS backtest_error,
        maxIf(methods.backtest_forecasts, is_total) AS backtest_forecasts,
        maxIf(methods.backtest_days, is_total) AS backtest_days,
        max(methods.unpriced) AS unpriced
    FROM
    (
        SELECT
            *,
            machine != '' AND agent != '' AS is_part,
            arrayJoin(if(is_part, [(machine, agent), (machine, ''), ('', agent), ('', '')], [(machine, agent)])) AS total,
            total = (machine, agent) AS is_total
        FROM {database}.forecast_methods
        WHERE is_chosen
    ) AS methods
    GROUP BY total, month
)
SELECT
    machine,
    agent,
    month,
    today,
    days_left,
    month_to_date_usd,
    month_to_date_usd + toDecimal64(round(rest, 9), 9) AS forecast_usd,
    if(isNull(half_width), NULL, month_to_date_usd + toDecimal64(round(greatest(0, least(rest, left - half_width - cost_today)), 9), 9)) AS low_usd,
    if(isNull(half_width), NULL, month_to_date_usd + toDecimal64(round(greatest(rest + half_width / 10, left + half_width - cost_today), 9), 9)) AS high_usd,
    month_to_date_tokens,
    month_to_date_tokens + toUInt64(round(rest_tokens)) AS forecast_tokens,
    arrayStringConcat(arraySort(names), ', ') AS method,
    backtest_error,
    backtest_forecasts,
    backtest_days,
    mapFromArrays(day_sums.1, day_sums.2) AS days_usd,
    unpriced
FROM totals AS each
COMMENT 'one row is one agent on one machine in this month, or a total of several: rows overlap and are not to be summed'
