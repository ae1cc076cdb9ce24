"""Two API processes on one Postgres, and those who wait for news of them."""
