"""Action units (FACS): notation, words, labels, regions of the face, and emotions by rule."""
