"""Devices over TVM's RPC: a tracker lends them, networks are uploaded, run and timed there. Imports no PyTorch."""
