"""Facts of transcripts in the warehouse, and the totals by hour that take the place of old ones."""
