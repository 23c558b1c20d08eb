"""Imports ccusage reports into ClickHouse without ever losing a number that ccusage once showed."""
