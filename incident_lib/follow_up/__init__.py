"""The steps after an incident: who owes what by when, the edits that record it, and the board."""
