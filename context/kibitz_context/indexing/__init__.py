"""What is known of all texts and all past commits, and the processes in which it is found out."""
