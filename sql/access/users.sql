-- One user of each role, after roles.sql. Passwords come as SHA-256 in hexadecimal digits:
--   clickhouse-client --param_import_hash=… --param_reader_hash=… --queries-file sql/access/users.sql
-- Running it again changes the passwords.

CREATE USER OR REPLACE ccusage_import IDENTIFIED WITH sha256_hash BY {import_hash:String};
GRANT ccusage_importer TO ccusage_import;

CREATE USER OR REPLACE grafana IDENTIFIED WITH sha256_hash BY {reader_hash:String};
GRANT ccusage_reader TO grafana;
