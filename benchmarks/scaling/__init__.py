"""The parts of benchmarks.scale: a generated plan, traffic that obeys the flags, and what is measured meanwhile."""
