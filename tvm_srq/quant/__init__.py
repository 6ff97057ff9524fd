"""Post-training quantization in PyTorch: statistics, quantizers, calibration, integer reference. Never imports TVM."""
