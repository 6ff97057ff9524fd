"""Picture files as people have them: read, upscaled and written with all that surrounds their pixels, one or a folder of them."""
