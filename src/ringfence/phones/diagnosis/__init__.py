"""What a phone's requests say about its state."""
