"""Floor 4: when, and in which order."""
