-- The forecast of a day is seasonal-naive by weekday, the mean of four seasons (Hyndman, Athanasopoulos: Forecasting: Principles
-- and Practice, 3rd ed., 5.2): the mean cost of the same weekday in the 4 weeks before today, those without usage as 0. Weeks
-- before the first usage do not count; where the history holds no such weekday yet, it is the mean of all its days.
-- So the forecast of anything that costs on a day - all usage, a project, a model - is the sum of weight * cost over source_date.
CREATE OR REPLACE VIEW {database}.forecast_weights {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    today Date COMMENT 'the day the forecast is made on, in the zone of the newest row',
    date Date COMMENT 'a day that is left in this month, today included',
    source_date Date COMMENT 'a day before today that its forecast is made of',
    weight Float64 COMMENT 'its part in the forecast'
)
AS WITH days_left AS
(
    SELECT machine, agent, first_day, today, arrayJoin(arrayMap(n -> today + n, range(toUInt32(toLastDayOfMonth(today) - today + 1)))) AS date
    FROM {database}.calendar
),
sources AS
(
    SELECT
        machine,
        agent,
        today,
        date,
        arrayFilter(day -> day >= first_day, arrayMap(week -> today + (date - today) % 7 - 7 * week, [1, 2, 3, 4])) AS same_weekday,
        if(notEmpty(same_weekday), same_weekday, arrayMap(n -> first_day + n, range(toUInt32(today - first_day)))) AS dates
    FROM days_left
)
SELECT machine, agent, today, date, source_date, 1 / length(dates) AS weight
FROM sources
ARRAY JOIN dates AS source_date
COMMENT 'one row is one past day that the forecast of one day left in this month is made of, of one agent on one machine'
