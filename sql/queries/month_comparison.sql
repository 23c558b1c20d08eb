-- How far was each month on this day of the month?
-- group: daily
-- param: since Date = 365 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: this day is the last one of the calendar in daily_summary: today, or the last day with usage where that is later
-- note: months count that have a day in the period, and count whole
WITH (SELECT toDayOfMonth(max(date)) FROM daily_summary) AS today
SELECT
    toStartOfMonth(date) AS month,
    sumIf(day.cost_usd, toDayOfMonth(date) <= today) AS cost_by_this_day_usd,
    sum(day.cost_usd) AS cost_usd,
    max(day.unpriced) AS unpriced
FROM daily_summary AS day
WHERE toLastDayOfMonth(date) >= {since:Date} AND toStartOfMonth(date) <= {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY month
ORDER BY month DESC
