-- Each candidate makes the forecast of a day from the past days before today, those without usage as 0 (Hyndman, Athanasopoulos:
-- Forecasting: Principles and Practice, 3rd ed., 5.2, for means and for seasonal-naive, the same weekday). By weekday, whole weeks count.
-- All are tried on the past (time series cross-validation, 5.10 there): from each of the last 365 days that has a week behind it, for as
-- many days as are left in the month, at most a third of the history. The error is sum(abs(forecast - cost)) / sum(cost).
-- The first candidate is chosen, unless another one had the least error and less than n / (n + 0.5) of that of the first, where n is how
-- many of these forecasts fit side by side: the shorter the history, the clearer it must be.
-- Interval: 80% of the past forecasts missed by no more than this multiple of their scale (split conformal prediction: Lei et al.:
-- Distribution-Free Predictive Inference for Regression, JASA 113, 2018). The scale lies half way between
-- the forecast and the cost of as many days at the mean of the last 56, and grows with the root of the days ahead and, as for a mean,
-- with 1 + days ahead / days behind (5.5 there). A small n widens it by 1 + 0.75 / n, somewhat as Student's distribution does.
-- Half of it is at least 1% of the scale.
-- Tokens are forecast from the same past days as cost, each counted as often.
CREATE OR REPLACE VIEW {database}.forecast_methods {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from; empty for all machines together',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from; empty for all agents together',
    month Date COMMENT 'first day of this month in the zone of the newest row',
    today Date COMMENT 'the day the forecast is made on',
    days_left UInt8 COMMENT 'days of the month that are not over, today included',
    method LowCardinality(String) COMMENT 'weekday of 8 weeks, weekday of 4 weeks, last 28 days, last 7 days, weekday of last week (seasonal-naive) or month so far (run rate)',
    is_chosen Bool COMMENT 'the method that is shown, of this row alone: a total is the sum of what is chosen for each agent on each machine',
    by_weekday Bool COMMENT 'a day is made of the same weekdays alone; false also with less than a week of history',
    past_days UInt8 COMMENT 'days before today that it is made of, fewer in a short history',
    left_usd Float64 COMMENT 'forecast of the days that are left, today as a whole day',
    today_usd Float64 COMMENT 'forecast of today as a whole day',
    days_usd Array(Float64) COMMENT 'forecast of each day that is left, today as a whole day first; they add up to left_usd',
    half_width_usd Nullable(Float64) COMMENT 'half the width of the 80% interval of left_usd; NULL with less than 21 days of history or without usage in the last 56',
    backtest_days UInt8 COMMENT 'days that each forecast of the back-test was for',
    backtest_forecasts UInt64 COMMENT 'past days from which the method was tried',
    backtest_error Nullable(Float64) COMMENT 'sum of the absolute errors of these forecasts as a share of the sum of the costs; NULL without any',
    month_to_date_usd Decimal(18, 9) COMMENT 'cost of the month so far, today included',
    cost_today_usd Decimal(18, 9) COMMENT 'cost of today so far',
    left_tokens Float64 COMMENT 'tokens of the days that are left by the same method, today as a whole day',
    today_tokens Float64 COMMENT 'tokens of today as a whole day by the same method',
    month_to_date_tokens UInt64 COMMENT 'tokens of the month so far, today included',
    tokens_today UInt64 COMMENT 'tokens of today so far',
    unpriced Bool COMMENT 'some usage of this month or the 56 days before today has no price and counts as 0'
)
AS WITH parts AS
(
    SELECT
        toString(machine) AS of_machine,
        toString(agent) AS of_agent,
        {part:today},
        toLastDayOfMonth(today) AS last_day,
        maxIf(date, unpriced) AS unpriced_on,
        arraySort(groupArray((date, cost_usd, total_tokens))) AS used,
        -- Each day with usage is followed by those without, which are 0, up to the last day of the month.
        arrayFlatten(arrayMap((day, next) -> arrayResize([(day.2, day.3)], next - day.1), used, arrayPushBack(arrayPopFront(used.1), last_day + 1))) AS days,
        -- The last day comes first; the first one is what the first forecast of the back-test looks back on.
        arraySlice(arrayReverse(days), 1, last_day - today + 1 + 365 + 56) AS last_days
    FROM ({query:daily}) AS daily
    WHERE NOT is_dated_ahead
    GROUP BY machine, agent
),
-- Every total is a series of its own.
series AS
(
    SELECT
        total.1 AS machine,
        total.2 AS agent,
        last_day,
        max(parts.today) AS today,
        toUInt8(last_day - today + 1) AS days_left,
        sumForEach(last_days.1) AS costs,
        sumForEach(last_days.2) AS tokens,
        max(parts.unpriced_on) AS unpriced_on
    FROM parts
    ARRAY JOIN [(of_machine, of_agent), (of_machine, ''), ('', of_agent), ('', '')] AS total
    GROUP BY total, last_day
),
-- What was spent up to each day from the first one to yesterday; `behind` is how many days that are.
sums AS
(
    SELECT
        *,
        length(costs) - days_left AS history,
        toUInt8(greatest(1, least(days_left, intDiv(history, 3)))) AS backtest_days,
        arrayCumSum(arrayReverse(arraySlice(costs, days_left + 1))) AS sums
    FROM series
),
origins AS
(
    SELECT
        *,
        arrayMap((sum, later) -> toFloat64(later - sum), sums, arrayShiftLeft(sums, backtest_days)) AS actual,
        arrayMap((sum, earlier, behind) -> toFloat64(backtest_days * (sum - earlier)) / least(56, behind), sums, arrayShiftRight(sums, 56), arrayEnumerate(sums)) AS level,
        arrayMap((usd, behind) -> usd > 0 AND behind BETWEEN greatest(7, history - 365) AND history - backtest_days, level, arrayEnumerate(sums)) AS is_tried,
        -- The days of the back-test by their weekdays of the last week, and the sum of that over 2, 4, 8 weeks and so on, up to all whole ones.
        arrayFold((sum, days) -> sum + arrayShiftRight(sum, days), [7, 14, 28, 56, 112, 224],
            arrayMap((sum, start, end, behind) -> (behind >= 7) * (intDiv(backtest_days, 7) * (sum - start) + end - start),
                sums, arrayShiftRight(sums, 7), arrayShiftRight(sums, 7 - backtest_days % 7), arrayEnumerate(sums))) AS weekday_sums
    FROM sums
),
-- A day is the mean of each day of a span, or of each seventh.
forecasts AS
(
    SELECT
        *,
        number,
        span,
        step,
        if(step = 7, weekday_sums, sums) AS sums_by_step,
        arrayMap(behind -> step * intDiv(least(span, behind), step), arrayEnumerate(sums)) AS counted,
        arrayMap((sum, earlier, days) -> toFloat64(if(step = 7, 7, backtest_days) * (sum - earlier)) / days, sums_by_step, arrayShiftRight(sums_by_step, span), counted) AS usd
    FROM origins
    ARRAY JOIN [1, 2, 3, 4, 5, 6] AS number, [56, 28, 28, 7, 7, greatest(1, toDayOfMonth(today) - 1)] AS span, [7, 7, 1, 1, 7, 1] AS step
),
tried AS
(
    SELECT
        *,
        arraySum(is_tried) AS backtest_forecasts,
        arrayReduce('sumIf', arrayMap((forecast, cost) -> abs(forecast - cost), usd, actual), is_tried) / nullIf(arrayReduce('sumIf', actual, is_tried), 0) AS backtest_error,
        arrayReduce('quantileExactInclusiveIf(0.8)',
            arrayMap((forecast, mean, cost, days) -> abs(forecast - cost) / ((forecast + mean) / 2 * sqrt((1 + backtest_days / days) / backtest_days)), usd, level, actual, counted),
            is_tried) AS miss,
        if(history < 7, 1, step) AS each,
        least(span, each * intDiv(history, each)) AS past_days
    FROM forecasts
),
chosen AS
(
    SELECT
        *,
        number = if(min(backtest_error) OVER each_series < maxIf(backtest_error, number = 1) OVER each_series * backtest_forecasts / (backtest_forecasts + backtest_days / 2),
            argMin(number, (backtest_error, number)) OVER each_series, 1) AS is_chosen,
        arrayMap(ahead -> arraySum((cost, ago) -> if((ahead + ago) % each = 0, each * toFloat64(cost), 0),
            arraySlice(costs, days_left + 1, past_days), range(1, past_days + 1)) / greatest(past_days, 1), range(toUInt32(days_left))) AS days_usd,
        -- Each past day as often as it counts in the days that are left, and in today alone.
        arrayMap(days -> arraySum((count, ago) -> count * each * intDiv(days + (ago - 1) % each, each),
            arraySlice(tokens, days_left + 1, past_days), range(1, past_days + 1)) / greatest(past_days, 1), [days_left, 1]) AS sums_of_tokens
    FROM tried
    WINDOW each_series AS (PARTITION BY machine, agent, last_day)
)
SELECT
    machine,
    agent,
    toStartOfMonth(last_day) AS month,
    today,
    days_left,
    ['weekday of 8 weeks', 'weekday of 4 weeks', 'last 28 days', 'last 7 days', 'weekday of last week', 'month so far'][number] AS method,
    toBool(is_chosen) AS is_chosen,
    toBool(each = 7) AS by_weekday,
    toUInt8(past_days) AS past_days,
    arraySum(days_usd) AS left_usd,
    days_usd[1] AS today_usd,
    days_usd,
    if(history >= 21 AND backtest_forecasts > 0,
        nullIf((left_usd + days_left * toFloat64(arraySum(arraySlice(costs, days_left + 1, 56))) / least(56, history)) / 2
            * sqrt((1 + days_left / candidate.past_days) / days_left), 0) * greatest(0.01, miss * (1 + 0.75 * backtest_days / backtest_forecasts)),
        NULL) AS half_width_usd,
    backtest_days,
    backtest_forecasts,
    backtest_error,
    arraySum(arraySlice(costs, 1, toDayOfMonth(last_day))) AS month_to_date_usd,
    costs[days_left] AS cost_today_usd,
    sums_of_tokens[1] AS left_tokens,
    sums_of_tokens[2] AS today_tokens,
    arraySum(arraySlice(tokens, 1, toDayOfMonth(last_day))) AS month_to_date_tokens,
    tokens[days_left] AS tokens_today,
    toBool(unpriced_on >= least(month, today - 56)) AS unpriced
FROM chosen AS candidate
{part:own_settings}
COMMENT 'one row is one candidate for the forecast of this month, of one agent on one machine or of a total'
