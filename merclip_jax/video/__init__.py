"""New videos: reading, aligned windows, what a model sees in them, and the page that shows it."""
