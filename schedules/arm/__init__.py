"""64-bit ARM: sdot where the CPU has it, widening multiplies otherwise."""
