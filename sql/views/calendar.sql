CREATE OR REPLACE VIEW {database}.calendar {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    first_day Date COMMENT 'first day with usage',
    today Date COMMENT 'the day that forecasts and budgets take for today: that in the zone of the newest row, or the last day with usage where that is later'
)
AS SELECT
    machine,
    agent,
    min(date) AS first_day,
    {part:today}
FROM {database}.daily
WHERE NOT is_dated_ahead
GROUP BY machine, agent
COMMENT 'one row is one agent on one machine: the calendar days of its history'
