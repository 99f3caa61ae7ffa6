"""Pages of PBXes."""
