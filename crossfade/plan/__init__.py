"""Plans: what is migrated, in which order, and under which rules."""
