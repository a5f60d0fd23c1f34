"""What was asked of Claude, for the user to look up and to send again."""
