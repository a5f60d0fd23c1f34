"""What may be read: the one way to a byte of a repository, and what secrets are made of on it."""
