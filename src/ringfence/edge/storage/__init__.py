"""What an edge keeps on its disk, whole after any cut of the power."""
