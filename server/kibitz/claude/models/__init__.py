"""What is known of models: what ships, what the endpoint has taught, what the user says."""
