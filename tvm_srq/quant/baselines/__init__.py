"""Methods to compare with: the paper's own, and quantization-aware training."""
