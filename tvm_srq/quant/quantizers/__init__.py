"""Quantizers of activations and weights, and how each is fitted to what was seen."""
