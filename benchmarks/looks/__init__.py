"""One look at many metrics, ours and the peers, on the same figures."""
