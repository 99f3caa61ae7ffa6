"""What the hub keeps outside its database: the data folder, keys, blobs, configuration."""
