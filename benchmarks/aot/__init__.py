"""Steps compiled from shapes, for devices that need not be here."""
