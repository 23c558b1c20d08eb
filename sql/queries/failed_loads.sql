-- Which imports failed, as a whole or in part, and why?
-- group: freshness
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- note: days are in UTC
SELECT load_id, machine, started_at, state, failed_reports, error
FROM loads FINAL
WHERE (state IN ('failed', 'interrupted') OR notEmpty(failed_reports)) AND toDate(started_at) BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
ORDER BY load_id DESC, machine
