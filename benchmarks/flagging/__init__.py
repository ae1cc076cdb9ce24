"""The contenders of `benchmarks.flags`."""
