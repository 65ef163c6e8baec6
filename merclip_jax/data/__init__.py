"""Corpora to packed frames: preparing, packing, faces, crops, sampling and augmentation."""
