"""What each family of phones asks for and accepts, with no I/O."""
