"""Where graphs come from: PyTorch modules and exported programs, state dicts that spandrel knows, ONNX files."""
