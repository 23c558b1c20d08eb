"""Tests of what runs until it is ended."""
