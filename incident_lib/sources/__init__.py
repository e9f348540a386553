"""Readers: one file per format, all alike, none aware of another."""
