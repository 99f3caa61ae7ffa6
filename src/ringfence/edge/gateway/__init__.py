"""The gateway: many sites at once, facing the internet."""
