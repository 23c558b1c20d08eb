-- Which days cost far more than those before?
-- group: anomalies
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- param: agent String = : only this agent; empty for all
-- note: each day of a machine and agent against the 20 workdays, or days of weekends, with cost before it: at least 3.2 times their median, and a robust z-score above 1.5
SELECT
    date,
    machine,
    agent,
    cost_usd,
    round(median_cost_usd, 6) AS median_cost_usd,
    round(z_score, 2) AS z_score,
    compared_days,
    unpriced
FROM cost_anomalies
WHERE is_anomaly AND date BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND ({agent:String} = '' OR agent = {agent:String})
ORDER BY date DESC, machine, agent
