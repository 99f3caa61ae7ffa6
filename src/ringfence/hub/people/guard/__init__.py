"""The guard in the people's API: a module for each noun."""
