"""A network as plain data: where it comes from is forgotten, what it computes is all there."""
