"""Asking one's own questions in a notebook: choosing incidents, showing them, comparing them, SQL over the tables."""
