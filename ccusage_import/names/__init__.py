"""What projects, sessions and models are called: as they are stored, and where people read them."""
