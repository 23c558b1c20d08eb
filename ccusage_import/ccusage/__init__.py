"""ccusage: how it is found and run, and how what it prints is read."""
