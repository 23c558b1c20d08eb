-- What did each machine cost in each month?
-- group: machines
-- param: since Date = 365 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: agent String = : only this agent; empty for all
-- note: a month counts, and counts whole, if any of its days is in the period
-- note: is_partial: the month is not over, or the history begins after its first day
WITH (SELECT (min(first_day), max(today)) FROM calendar WHERE ({agent:String} = '' OR agent = {agent:String})) AS history
SELECT month, machine, sum(cost_usd) AS cost_usd, sum(total_tokens) AS total_tokens, max(unpriced) AS unpriced, toBool(history.1 > month OR history.2 <= toLastDayOfMonth(month)) AS is_partial
FROM monthly_trends
WHERE toLastDayOfMonth(month) >= {since:Date} AND month <= {until:Date}
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY month, machine
ORDER BY month DESC, cost_usd DESC, machine
