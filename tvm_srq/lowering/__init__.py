"""From a graph and its quantization to integers, once, for the reference and for the compiler."""
