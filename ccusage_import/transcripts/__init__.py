"""Transcripts as a source: lines to facts, read once and incrementally."""
