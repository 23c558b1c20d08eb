"""How the program is set up: configuration and schedule."""
