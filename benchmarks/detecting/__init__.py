"""A candidate that begins to fail, and how long it is served."""
