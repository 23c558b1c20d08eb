"""What a person may set, and where it comes from."""
