"""DFME as the CCAC 2024 challenge distributes it."""
