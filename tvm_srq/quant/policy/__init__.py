"""Which layer gets how many bits: settings, presets, budgets."""
