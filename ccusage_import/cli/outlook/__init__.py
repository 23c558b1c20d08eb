"""What is spent of a limit, and what will be."""
