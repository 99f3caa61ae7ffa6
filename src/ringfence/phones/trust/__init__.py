"""What makes a phone refuse everybody else's files: its trust list, signed and encrypted files, its certificate."""
