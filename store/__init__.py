"""Floor 2: Postgres. Tables, SQL and migrations; nothing else knows SQL."""
