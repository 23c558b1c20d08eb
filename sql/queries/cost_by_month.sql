-- What did each month cost, as the sum of its kept days?
-- group: daily
-- param: since Date = 365 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a month counts, and counts whole, if any of its days is in the period; days are those from the first usage to today
-- note: is_partial: the month is not over, or the history begins after its first day
WITH (SELECT (min(first_day), max(today)) FROM calendar WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})) AS history
SELECT month, days, cost_usd, cost_per_day_usd, cost_change_usd, total_tokens, unpriced, toBool(history.1 > month OR history.2 <= toLastDayOfMonth(month)) AS is_partial
FROM
(
    SELECT
        month,
        max(each.days) AS days,
        sum(each.cost_usd) AS cost_usd,
        round(cost_usd / days, 6) AS cost_per_day_usd,
        cost_usd - any(toNullable(cost_usd)) OVER (ORDER BY month ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS cost_change_usd,
        sum(each.total_tokens) AS total_tokens,
        max(each.unpriced) AS unpriced
    FROM monthly_trends AS each
    WHERE ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
    GROUP BY month
)
WHERE toLastDayOfMonth(month) >= {since:Date} AND month <= {until:Date}
ORDER BY month DESC
