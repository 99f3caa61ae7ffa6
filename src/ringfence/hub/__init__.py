"""The centre: fleet, store, publishing, device API, people API."""
