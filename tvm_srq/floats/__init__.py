"""What networks compute that has no integer meaning: small float32 programs over feature maps, as data."""
