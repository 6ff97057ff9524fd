"""Counting what an emulated ARM processor executes: a qemu plugin, and the programs it is put to."""
