"""Whether imports work."""
