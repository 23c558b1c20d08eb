"""The demo: sample transcripts, and what ccusage would show of them, without Node.js."""
