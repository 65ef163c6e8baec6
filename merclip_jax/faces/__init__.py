"""Faces in pictures: found, set upright, and cut to the square that a model sees."""
