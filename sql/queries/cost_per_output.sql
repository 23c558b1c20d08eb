-- What does a million output tokens cost, all included?
-- group: cost
-- param: since Date = 365 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a month counts, and counts whole, if any of its days is in the period; input_per_output is all input, cached or not, by output
-- note: is_partial: the month is not over, or the history begins after its first day
WITH (SELECT (min(first_day), max(today)) FROM calendar WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})) AS history
SELECT
    month,
    sum(each.cost_usd) AS cost_usd,
    sum(each.output_tokens) AS output_tokens,
    round(1e6 * toFloat64(cost_usd) / nullIf(output_tokens, 0), 6) AS cost_per_million_output_usd,
    round((sum(total_tokens) - output_tokens) / nullIf(output_tokens, 0), 2) AS input_per_output,
    max(each.unpriced) AS unpriced,
    toBool(history.1 > month OR history.2 <= toLastDayOfMonth(month)) AS is_partial
FROM monthly_trends AS each
WHERE toLastDayOfMonth(month) >= {since:Date} AND month <= {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY month
ORDER BY month DESC
