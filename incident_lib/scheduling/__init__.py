"""Reports that make themselves: what starts a run, and who is told when one fails."""
