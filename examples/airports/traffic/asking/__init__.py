"""What people ask each component, one file for each phase of the migration."""
