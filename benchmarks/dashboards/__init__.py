"""What the benchmark of the dashboard needs: samples of an hour, and viewers."""
