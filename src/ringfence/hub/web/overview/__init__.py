"""The first page: how the fleet is, and what to do next."""
