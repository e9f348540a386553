"""One incident's story from its records: timeline, milestones, severity, people, related incidents."""
