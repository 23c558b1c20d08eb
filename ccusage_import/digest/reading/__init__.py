"""Reads a digest: what is asked of the warehouse, and what its answers say."""
