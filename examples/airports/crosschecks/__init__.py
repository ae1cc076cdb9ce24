"""What must hold across components, one file for each phase of the migration."""
