"""What the last update applied, and what is there now: where both are the same, a start needs no engine."""
