"""Films through a network: every frame upscaled, everything else copied, as a stream that can be interrupted (docs/films.md)."""
