"""Making the import run by itself."""
