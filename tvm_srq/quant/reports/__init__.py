"""What quantization costs, layer by layer, in figures and plots."""
