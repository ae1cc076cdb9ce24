"""The embedded Postgres and Temporal of one machine."""
