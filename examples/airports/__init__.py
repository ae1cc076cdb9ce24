"""An airport directory that is being migrated: fifteen components, each with a legacy and a candidate side."""
