"""The command that draws costs as bars in the terminal."""
