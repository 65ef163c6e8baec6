"""CLIP's towers and the video tower grown from them; files of weights."""
