"""What was seen in a video: events, maps, curves, the page."""
