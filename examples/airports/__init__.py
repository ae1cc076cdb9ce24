"""An airport directory that is being migrated: five components, each with a legacy and a candidate side."""
