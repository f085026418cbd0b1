"""What the numbers of a wrong port tell: what it implies, which step and line diverge, and why."""
