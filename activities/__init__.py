"""Floor 3: what a workflow may do to the world."""
