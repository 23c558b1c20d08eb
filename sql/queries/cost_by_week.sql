-- What did each ISO week cost, and how did that change?
-- group: daily
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a week counts, and counts whole, if any of its days is in the period
-- note: is_partial: the week is not over, or the history begins after its Monday
WITH (SELECT (min(first_day), max(today)) FROM calendar WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})) AS history
SELECT week, iso_year, iso_week, cost_usd, cost_change_usd, total_tokens, unpriced, toBool(history.1 > week OR history.2 <= week + 6) AS is_partial
FROM
(
    SELECT
        week,
        any(each.iso_year) AS iso_year,
        any(each.iso_week) AS iso_week,
        sum(each.cost_usd) AS cost_usd,
        cost_usd - any(toNullable(cost_usd)) OVER (ORDER BY week ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING) AS cost_change_usd,
        sum(each.total_tokens) AS total_tokens,
        max(each.unpriced) AS unpriced
    FROM weekly AS each
    WHERE ({machine:String} = '' OR machine = {machine:String})
        AND ({agent:String} = '' OR agent = {agent:String})
    GROUP BY week
)
WHERE week + 6 >= {since:Date} AND week <= {until:Date}
ORDER BY week DESC
