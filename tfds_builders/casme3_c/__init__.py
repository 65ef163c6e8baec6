"""CAS(ME)^3 part C, from the files as its owner distributes them."""
