"""Which clips, classes and folds; and whether weights have seen who is tested."""
