"""What others do: naive tests at each look, and the packages scipy, statsmodels and gbstats."""
