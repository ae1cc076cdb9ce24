"""Crossfade: move a running system from an old implementation to a new one."""
