"""What is read in videos: who comes back, and how strong a movement is."""
