#!/bin/bash
# Creates the roles and users at every start of the container, so that a changed password takes effect with the next.
set -e
: "${CCUSAGE_IMPORT_PASSWORD:?}" "${GRAFANA_READER_PASSWORD:?}"

sha256() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

client=(clickhouse-client --host 127.0.0.1 --database "$CLICKHOUSE_DB")
"${client[@]}" --queries-file /sql/access/roles.sql
"${client[@]}" --queries-file /sql/access/users.sql \
    --param_import_hash="$(sha256 "$CCUSAGE_IMPORT_PASSWORD")" \
    --param_reader_hash="$(sha256 "$GRAFANA_READER_PASSWORD")"
