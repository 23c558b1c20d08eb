-- Which tools fail most often, and why?
-- group: prompts
-- param: machine String = : only this machine; empty for all
-- param: top UInt32 = 10: how many rows at most
-- note: of the last 30 days
SELECT tool, machine, calls, errors, denied, round(error_share, 4) AS error_share, error_classes, retried_edits
FROM tool_patterns
WHERE errors + denied > 0 AND ({machine:String} = '' OR machine = {machine:String})
ORDER BY errors DESC, tool, machine
LIMIT {top:UInt32}
