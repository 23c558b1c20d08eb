"""The other story beside the import: transcripts grow, facts are stored, for as long as it runs."""
