"""What requests cost, and how much they may: the ledger and the limits."""
