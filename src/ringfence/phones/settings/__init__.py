"""Settings: their types and how families declare them."""
