-- What each day that is left in this month will still cost is the sum of weight * cost over its source dates, by the method that
-- forecast_methods chose. That holds for anything that costs on a day - all usage, a project, a model - and adds up to forecast_month.
-- Today counts as its forecast, or as what it has cost already where that is more: its weights are only for what is missing.
CREATE OR REPLACE VIEW {database}.forecast_weights {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    today Date COMMENT 'the day the forecast is made on, in the zone of the newest row',
    date Date COMMENT 'a day that is left in this month, today included',
    source_date Date COMMENT 'a day before today that its forecast is made of',
    weight Float64 COMMENT 'its part in what the day will still cost'
)
AS SELECT
    machine,
    agent,
    today,
    date,
    today - ago AS source_date,
    {part:forecast_weight} AS weight
FROM
(
    SELECT machine, agent, today, today + arrayJoin(range(toUInt32(days_left))) AS date, by_weekday, past_days, today_usd, toFloat64(cost_today_usd) AS cost_today
    FROM {database}.forecast_methods
    WHERE is_chosen AND machine != '' AND agent != ''
) AS day
ARRAY JOIN arrayFilter(days -> NOT by_weekday OR (date - today + days) % 7 = 0, range(1, toUInt32(past_days) + 1)) AS ago
WHERE weight > 0
COMMENT 'one row is one past day that the forecast of one day left in this month is made of, of one agent on one machine'
