"""The parts of `benchmarks.ofrep`."""
