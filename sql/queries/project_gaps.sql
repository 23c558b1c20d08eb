-- On which days do the projects not add up to the day?
-- group: anomalies
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- note: Claude Code alone has a report of projects; a held day, or one that moved between projects, makes a difference
SELECT
    date,
    machine,
    sum(day_cost) AS day_cost_usd,
    sum(projects_cost) AS projects_cost_usd,
    day_cost_usd - projects_cost_usd AS difference_usd,
    sum(day_tokens) - sum(projects_tokens) AS difference_tokens,
    max(part.unpriced) AS unpriced
FROM
(
    SELECT date, machine, agent, cost_usd AS day_cost, toDecimal64(0, 9) AS projects_cost, toInt64(total_tokens) AS day_tokens, 0 AS projects_tokens, unpriced
    FROM daily
    UNION ALL
    SELECT date, machine, agent, 0, cost_usd, 0, toInt64(total_tokens), unpriced
    FROM projects_daily
) AS part
WHERE agent = 'claude' AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
GROUP BY date, machine
HAVING difference_tokens != 0 OR abs(difference_usd) >= 0.000001
ORDER BY date DESC, machine
