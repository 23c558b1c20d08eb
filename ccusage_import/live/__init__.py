"""What `watch` does: it stores facts as transcripts grow, for as long as it runs."""
