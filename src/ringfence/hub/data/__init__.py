"""What the hub stores outside its database: the data folder, keys, blobs, configuration."""
