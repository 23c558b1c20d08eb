"""Imports ccusage reports into ClickHouse without ever losing a number that ccusage once showed."""

__version__ = "0.1.0"
