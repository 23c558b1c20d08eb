"""ClickHouse's HTTP interface over an embedded warehouse, for reading."""
