"""Commands that write files for other programs: tables, and the reports that were kept."""
