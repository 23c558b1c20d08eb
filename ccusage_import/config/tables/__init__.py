"""The tables of the configuration file: `[budget]`, `[quota]`, `[plan]` and `[[notify]]`."""
