-- Who may do what in the warehouse, which is the current database; run it as a user who may grant:
--   clickhouse-client --database ccusage --queries-file sql/access/roles.sql
-- Running it again changes nothing.

-- Everything that migrate, import, accept, undo, backup, restore and compact do, and no more. CREATE TABLE implies CREATE VIEW;
-- views are replaced, hence DROP VIEW; a restore that goes wrong leaves the new warehouse empty, hence TRUNCATE;
-- migrations add columns.
CREATE ROLE IF NOT EXISTS ccusage_importer;
GRANT SELECT, INSERT, CREATE TABLE, DROP VIEW, TRUNCATE, ALTER ADD COLUMN, ALTER ORDER BY ON * TO ccusage_importer;
-- check writes to a table of its own, reads it back and drops it.
GRANT DROP TABLE ON scratch_* TO ccusage_importer;
-- compact drops the facts that it folded; nothing else deletes any row.
GRANT ALTER DELETE ON message_facts_by_month* TO ccusage_importer;
GRANT ALTER DELETE ON tool_call_facts_by_month* TO ccusage_importer;
GRANT ALTER DELETE ON turn_facts* TO ccusage_importer;
GRANT ALTER DELETE ON event_facts* TO ccusage_importer;
GRANT ALTER DELETE ON hour_facts* TO ccusage_importer;
GRANT ALTER DELETE ON folded_ids* TO ccusage_importer;
-- migrate moves facts of older releases into tables in the order of months, keeps programs that still run from writing into the old ones,
-- and drops these.
GRANT DROP TABLE, ALTER ADD CONSTRAINT ON message_facts TO ccusage_importer;
GRANT DROP TABLE, ALTER ADD CONSTRAINT ON message_facts_local TO ccusage_importer;
GRANT DROP TABLE, ALTER ADD CONSTRAINT ON tool_call_facts TO ccusage_importer;
GRANT DROP TABLE, ALTER ADD CONSTRAINT ON tool_call_facts_local TO ccusage_importer;

CREATE ROLE IF NOT EXISTS ccusage_reader;
GRANT SELECT ON * TO ccusage_reader;

-- 2: read-only, but settings may be changed, which Grafana's driver does with every query; 0 would mean no limit.
CREATE SETTINGS PROFILE OR REPLACE ccusage_reader SETTINGS
    readonly = 2,
    max_execution_time = 60 MIN 1 MAX 120,
    max_memory_usage = 2000000000 MIN 1 MAX 2000000000
TO ccusage_reader;
