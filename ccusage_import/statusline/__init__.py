"""The status line of Claude Code: a small file that imports keep current, and the program that prints it."""
