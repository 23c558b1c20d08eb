"""The source: running ccusage and reading what it prints."""
