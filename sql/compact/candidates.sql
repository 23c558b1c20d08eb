-- What may be folded: facts of one machine before a day, with the rows of each, and how many of them are shown. A message goes with all its
-- copies. What an undo took back stays, so that it can be brought back, and so does what is known by halves, which nothing shows.
SELECT 'messages' AS kind, if(message = 0, record, message) AS id, count() AS rows, countIf(is_shown) AS shown
FROM message_facts_by_month FINAL
WHERE machine = {machine:String} AND message != 1
GROUP BY id
HAVING max(date) < {before:Date} AND NOT max(bitTest(taken_back, 0))
UNION ALL
SELECT 'tool_calls', call, 1, 1
FROM tool_call_facts_by_month FINAL
WHERE machine = {machine:String} AND toDate(called_at, {timezone:String}) < {before:Date} AND NOT bitTest(taken_back, 0)
UNION ALL
SELECT 'turns', turn, 1, 1
FROM turn_facts FINAL
WHERE machine = {machine:String} AND toDate(at, {timezone:String}) < {before:Date} AND NOT bitTest(taken_back, 0)
UNION ALL
SELECT 'events', event, 1, 1
FROM event_facts FINAL
WHERE machine = {machine:String} AND toDate(at, {timezone:String}) < {before:Date} AND NOT bitTest(taken_back, 0)
