"""The sink: ClickHouse, embedded or a server."""
