"""The ablation tables: what is in a row, how it is measured, how it is printed."""
