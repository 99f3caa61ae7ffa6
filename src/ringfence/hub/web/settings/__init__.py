"""Pages of settings: what each means, and what is set where."""
