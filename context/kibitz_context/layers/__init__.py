"""The texts that are sent: the snapshot, what has changed since, and what one request needs."""
