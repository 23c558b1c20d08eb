-- How well do MCP servers work, and which are only loaded?
-- group: prompts
-- param: machine String = : only this machine; empty for all
-- note: recent_calls are of the last 30 days, the rest is of all time; a server that was never called is known where transcripts say that it was loaded
SELECT mcp_server, machine, calls, recent_calls, round(error_share, 4) AS error_share, last_call_at, loaded_sessions, loaded_tokens
FROM mcp_servers
WHERE ({machine:String} = '' OR machine = {machine:String})
ORDER BY calls DESC, mcp_server, machine
