-- How far was each month on this day of the month?
-- group: daily
-- param: since Date = 365 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: "this day" is today, by the view calendar
-- note: a month counts, and counts whole, if any of its days is in the period
-- note: is_partial: the month is not over, or the history begins after its first day
WITH (SELECT (min(first_day), max(today)) FROM calendar WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})) AS history,
    toDayOfMonth(history.2) AS today
SELECT
    toStartOfMonth(date) AS month,
    sumIf(day.cost_usd, toDayOfMonth(date) <= today) AS cost_by_this_day_usd,
    sum(day.cost_usd) AS cost_usd,
    max(day.unpriced) AS unpriced,
    toBool(history.1 > month OR history.2 <= toLastDayOfMonth(month)) AS is_partial
FROM daily_summary AS day
WHERE toLastDayOfMonth(date) >= {since:Date} AND toStartOfMonth(date) <= {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY month
ORDER BY month DESC
