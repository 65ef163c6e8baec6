"""MER-CLIP: the model, its task, its sentences, its weights."""
