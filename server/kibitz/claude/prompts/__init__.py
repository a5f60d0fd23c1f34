"""What is sent: its shape, its length, and which of its beginnings the endpoint may have kept."""
