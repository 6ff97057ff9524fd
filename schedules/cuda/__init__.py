"""CUDA: integer convolutions on dp4a."""
