"""What was sent before and may still be read from the cache; what that costs, and what to do."""
