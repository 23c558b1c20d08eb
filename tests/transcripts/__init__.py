"""Tests of the transcripts as facts."""
