"""Pictures: reading and writing them, resizing them, and datasets of low- and high-resolution pairs."""
