"""Letters, reminders and invitations: written as files, and sent once."""
