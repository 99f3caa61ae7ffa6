"""The guard in the people's API: a module for each thing that is said of it or to it."""
