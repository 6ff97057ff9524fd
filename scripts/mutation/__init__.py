"""Damaged input files, made from valid ones by seeds, and what the readers do with them."""
