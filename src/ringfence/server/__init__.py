"""The one I/O engine: catalogue, worker, client."""
