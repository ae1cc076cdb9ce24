"""People who use the airport directory: real questions, typing errors and bad intentions, at a steady rate."""
