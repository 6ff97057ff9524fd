"""What calibration sees of a network's activations."""
