"""The synthetic micro-expression corpus: faces by code, action units with exact truth."""
