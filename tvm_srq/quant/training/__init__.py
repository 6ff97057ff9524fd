"""Finetuning: steps, weights and offsets trained towards the full-precision output."""
