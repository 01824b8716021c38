"""What is tried before it happens: `python -m tests.rehearsals`, for minutes, not in the suite."""
