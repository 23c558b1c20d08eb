-- When did each machine last import well?
-- group: freshness
SELECT
    machine,
    agents,
    last_success_at,
    round(age_hours, 1) AS age_hours,
    last_day,
    days_since_usage,
    last_state,
    last_failed,
    failed_reports,
    last_error
FROM freshness
ORDER BY age_hours DESC NULLS FIRST, machine
