"""The steps of an import: each takes values and returns a value; only the last one writes numbers."""
