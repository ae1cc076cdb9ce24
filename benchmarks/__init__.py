"""What Crossfade promises, measured beside its peers: `python -m benchmarks.NAME [--json]`."""
