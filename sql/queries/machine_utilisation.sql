-- On how many days is each machine used?
-- group: machines
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- note: calendar days are those from the first usage of the machine to today; last_active_day is 1970-01-01 where there is none
SELECT
    machine,
    uniqExact(date) AS calendar_days,
    uniqExactIf(date, total_tokens > 0 OR cost_usd > 0) AS active_days,
    round(active_days / calendar_days, 4) AS utilisation,
    maxIf(date, total_tokens > 0 OR cost_usd > 0) AS last_active_day
FROM daily_summary
WHERE date BETWEEN {since:Date} AND {until:Date}
GROUP BY machine
ORDER BY utilisation DESC, machine
