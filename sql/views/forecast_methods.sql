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
AS WITH days AS
(
    SELECT
        toString(calendar.machine) AS of_machine,
        toString(calendar.agent) AS of_agent,
        toStartOfMonth(today) AS month,
        -- The origins of the back-test and what the first of them looks back on.
        today - arrayJoin(range(toUInt32(least(today - first_day, 365 + 56) + 1))) AS date
    FROM {database}.calendar
),
-- Every total is a series of its own.
series AS
(
    SELECT
        total.1 AS machine,
        total.2 AS agent,
        month,
        days.date AS date,
        sum(cost_usd) AS cost_usd,
        sum(total_tokens) AS total_tokens,
        max(unpriced) AS unpriced
    FROM days
    GLOBAL LEFT JOIN (SELECT machine AS in_machine, agent AS in_agent, date, cost_usd, total_tokens, unpriced FROM {database}.daily WHERE NOT is_dated_ahead) AS day
        ON of_machine = in_machine AND of_agent = in_agent AND days.date = day.date
    ARRAY JOIN [(of_machine, of_agent), (of_machine, ''), ('', of_agent), ('', '')] AS total
    GROUP BY total, month, date
),
origins AS
(
    SELECT
        machine,
        agent,
        month,
        date,
        max(date) OVER whole AS today,
        today - min(date) OVER whole AS history,
        toUInt8(toLastDayOfMonth(today) - today + 1) AS days_left,
        toUInt8(greatest(1, least(days_left, intDiv(history, 3)))) AS backtest_days,
        -- Yesterday first.
        groupArray(toFloat64(cost_usd)) OVER (PARTITION BY machine, agent, month ORDER BY date DESC ROWS BETWEEN 1 FOLLOWING AND 56 FOLLOWING) AS past,
        groupArray(toFloat64(cost_usd)) OVER (PARTITION BY machine, agent, month ORDER BY date ROWS BETWEEN CURRENT ROW AND 30 FOLLOWING) AS ahead,
        sum(if(date >= month, cost_usd, toDecimal64(0, 9))) OVER whole AS month_to_date_usd,
        argMax(cost_usd, date) OVER whole AS cost_today_usd,
        sum(if(date >= month, total_tokens, 0)) OVER whole AS month_to_date_tokens,
        argMax(total_tokens, date) OVER whole AS tokens_today,
        groupArray(total_tokens) OVER (PARTITION BY machine, agent, month ORDER BY date DESC ROWS BETWEEN 1 FOLLOWING AND 56 FOLLOWING) AS past_tokens,
        max(unpriced AND (date >= month OR date >= last_day - 56)) OVER whole AS unpriced
    FROM (SELECT *, max(date) OVER (PARTITION BY machine, agent, month) AS last_day FROM series)
    WINDOW whole AS (PARTITION BY machine, agent, month)
),
-- A forecast is for the days of the back-test or, on today, for the days that are left.
forecasts AS
(
    SELECT
        *,
        date < today AS is_past,
        if(is_past, backtest_days, days_left) AS horizon,
        arraySum(arraySlice(ahead, 1, horizon)) AS actual,
        length(past) AS known,
        toUInt64(greatest(1, intDiv(known, 7))) AS weeks,
        arrayMap(span -> least(known, span), [7 * least(weeks, 8), 7 * least(weeks, 4), 28, 7, 7, toUInt64(greatest(1, toDayOfMonth(today) - 1))]) AS spans,
        -- The cost of the past days up to each, once for each day ahead, or as often as its weekday comes there where the history has whole weeks.
        arrayMap(sum -> horizon * sum, arrayCumSum(past)) AS sums,
        arrayCumSum(arrayMap((cost, ago) -> cost * if(known < 7, horizon, 7 * intDiv(horizon + (ago - 1) % 7, 7)), past, arrayEnumerate(past))) AS weekday_sums,
        sums[known] / greatest(known, 1) AS level,
        arrayMap((sum, span) -> sum / greatest(span, 1),
            [weekday_sums[spans[1]], weekday_sums[spans[2]], sums[spans[3]], sums[spans[4]], weekday_sums[spans[5]], sums[spans[6]]],
            spans) AS usd,
        arrayMap((forecast, span) -> (forecast + level) / 2 * sqrt((1 + horizon / greatest(span, 1)) / horizon), usd, spans) AS scale,
        is_past AND known >= 7 AND date + horizon <= today AND level > 0 AS is_tried
    FROM origins
    WHERE date >= today - 365
),
-- The six candidates in arrays.
tried AS
(
    SELECT
        machine,
        agent,
        month,
        today,
        history,
        days_left,
        backtest_days,
        month_to_date_usd,
        cost_today_usd,
        month_to_date_tokens,
        tokens_today,
        unpriced,
        anyIf(spans, NOT is_past) AS past_days,
        anyIf(forecasts.past_tokens, NOT is_past) AS past_tokens,
        anyIf(forecasts.past, NOT is_past) AS past,
        anyIf(usd, NOT is_past) AS left_usd,
        anyIf(scale, NOT is_past) AS scale_left,
        countIf(is_tried) AS backtest_forecasts,
        backtest_forecasts / backtest_days AS independent,
        arrayMap(sum -> sum / nullIf(sumIf(actual, is_tried), 0), sumForEachIf(arrayMap(forecast -> abs(forecast - actual), usd), is_tried)) AS errors,
        quantileExactInclusiveForEachIf(0.8)(arrayMap((forecast, unit) -> abs(forecast - actual) / unit, usd, scale), is_tried) AS misses,
        arrayMin(errors) AS least_error,
        if(least_error < errors[1] * independent / (independent + 0.5), indexOf(errors, least_error), 1) AS chosen
    FROM forecasts
    GROUP BY machine, agent, month, today, history, days_left, backtest_days, month_to_date_usd, cost_today_usd, month_to_date_tokens, tokens_today, unpriced
)
SELECT
    machine,
    agent,
    month,
    today,
    days_left,
    ['weekday of 8 weeks', 'weekday of 4 weeks', 'last 28 days', 'last 7 days', 'weekday of last week', 'month so far'][number] AS method,
    toBool(number = chosen) AS is_chosen,
    toBool(history >= 7 AND number IN (1, 2, 5)) AS by_weekday,
    tried.past_days[number] AS past_days,
    tried.left_usd[number] AS left_usd,
    days_usd[1] AS today_usd,
    -- Of past days, or of those of the same weekday.
    arrayMap(ahead -> arraySum(arrayMap((cost, ago) -> cost * if(by_weekday, 7 * ((ahead + ago) % 7 = 0), 1),
        arraySlice(past, 1, past_days) AS counted_costs, arrayEnumerate(counted_costs))) / greatest(past_days, 1), range(toUInt32(days_left))) AS days_usd,
    if(history >= 21 AND backtest_forecasts > 0 AND scale_left[number] > 0,
        scale_left[number] * greatest(0.01, misses[number] * (1 + 0.75 / independent)), NULL) AS half_width_usd,
    backtest_days,
    backtest_forecasts,
    errors[number] AS backtest_error,
    month_to_date_usd,
    cost_today_usd,
    -- Each past day as often as it counts in the days that are left, and in today alone.
    arraySum(arrayMap((tokens, ago) -> tokens * if(by_weekday, 7 * intDiv(days_left + (ago - 1) % 7, 7), days_left),
        arraySlice(past_tokens, 1, past_days) AS counted, arrayEnumerate(counted))) / greatest(past_days, 1) AS left_tokens,
    arraySum(arrayMap((tokens, ago) -> tokens * if(by_weekday, 7 * intDiv(1 + (ago - 1) % 7, 7), 1), counted, arrayEnumerate(counted)))
        / greatest(past_days, 1) AS today_tokens,
    month_to_date_tokens,
    tokens_today,
    unpriced
FROM tried
ARRAY JOIN [1, 2, 3, 4, 5, 6] AS number
COMMENT 'one row is one candidate for the forecast of this month, of one agent on one machine or of a total'
