"""What one text says by itself: what it defines and uses, and the words that it is found by."""
