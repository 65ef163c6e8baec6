"""Action units: where they show, their labels, losses and scores, and the emotion by rule."""
