"""Going on after a loss: copies of the hub's data, and what its edges know that a copy does not."""
