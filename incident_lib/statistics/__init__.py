"""How long, how often, better or worse: statistics that say when they can't tell."""
