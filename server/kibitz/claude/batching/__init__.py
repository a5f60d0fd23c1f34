"""Many prompts at half the price, through failures and restarts."""
