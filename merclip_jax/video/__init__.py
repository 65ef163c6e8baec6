"""Videos: decoding, faces and windows, and what a model reads in them."""
