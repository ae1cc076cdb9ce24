"""The embedded stack of one machine: Postgres, Temporal, and the processes of Crossfade."""
