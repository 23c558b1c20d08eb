"""ClickHouse, embedded or a server: where everything is stored."""
