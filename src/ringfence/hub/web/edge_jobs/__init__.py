"""Pages of jobs: what edges were asked to do."""
