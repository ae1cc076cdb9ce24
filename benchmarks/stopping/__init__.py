"""What the benchmark of the emergency stop is made of."""
