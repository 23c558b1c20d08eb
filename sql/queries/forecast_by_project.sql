-- What will each project cost this month?
-- group: forecast
-- param: machine String = : only this machine; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: what no project has, as the usage of agents without a report of projects, is a row without a name; all rows add up to month_forecast
WITH costs AS
(
    SELECT part.1 AS project, machine, agent, date, part.2 AS cost, part.3 AS unpriced
    FROM projects_daily AS each
    ARRAY JOIN [(each.project, cost_usd, each.unpriced), ('', -cost_usd, false)] AS part
    WHERE date > today() - 60 AND NOT is_dated_ahead
    UNION ALL
    SELECT '', machine, agent, date, cost_usd, unpriced AND agent != 'claude'
    FROM daily
    WHERE date > today() - 60 AND NOT is_dated_ahead
),
chosen AS
(
    SELECT
        machine,
        agent,
        month,
        today,
        days_left,
        past_days,
        if(by_weekday, 7, 1) AS step,
        if(today_usd > toFloat64(cost_today_usd), toFloat64(cost_today_usd) / today_usd, 1) AS spent_of_today,
        max(month) OVER () AS this_month
    FROM forecast_methods
    WHERE is_chosen AND machine != '' AND agent != '' AND ({machine:String} = '' OR machine = {machine:String})
),
-- A day of this month up to today counts itself, and a past day as often as the days that are left are made of it, today only where it is missing.
counted AS
(
    SELECT
        project,
        cost,
        costs.unpriced AS unpriced,
        date >= month AS is_spent,
        today - date AS ago,
        if(ago BETWEEN 1 AND past_days, step / past_days * (intDiv(days_left + (ago - 1) % step, step) - spent_of_today * intDiv(1 + (ago - 1) % step, step)), 0) AS weight
    FROM costs
    GLOBAL INNER JOIN chosen ON costs.machine = chosen.machine AND costs.agent = chosen.agent
    WHERE month = this_month
)
SELECT
    project,
    sumIf(cost, is_spent) AS month_to_date_usd,
    round(toFloat64(month_to_date_usd) + sum(weight * toFloat64(cost)), 6) AS forecast_usd,
    max(counted.unpriced) AS unpriced
FROM counted
WHERE is_spent OR weight > 0
GROUP BY project
HAVING project != '' OR abs(forecast_usd) >= 0.000001
ORDER BY forecast_usd DESC, project
LIMIT {top:UInt32}
