"""Applications that show Crossfade at work."""
