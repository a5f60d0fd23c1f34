"""Which files a repository or a folder has, as git tells it; nothing of what is in them."""
