"""x86: AVX-512 VNNI, AVX2, and SSE for older CPUs."""
