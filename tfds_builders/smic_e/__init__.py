"""SMIC-E, the extended clips of SMIC, from the files as its owner distributes them."""
