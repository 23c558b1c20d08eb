"""Reports to others how a run ended."""
