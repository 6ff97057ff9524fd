"""How fast a compiled network runs here, whole and layer by layer. Imports no PyTorch."""
