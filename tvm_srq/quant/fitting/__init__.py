"""Quantization after training: every layer's quantizers and codes, without gradients through the network."""
