-- On which days was nothing used at all?
-- group: freshness
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: a gap may also be one of imports: machine_freshness says
SELECT date, ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'][any(weekday)] AS weekday_name
FROM daily_summary
WHERE date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
GROUP BY date
HAVING countIf(total_tokens > 0 OR cost_usd > 0) = 0
ORDER BY date DESC
