"""Post-mortems and action items against their deadlines."""
