"""Programs to try the judge on: one right one, and edits of it, faulty and legitimate."""
