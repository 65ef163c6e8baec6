"""Training and prediction of folds, for any task."""
