"""The codes service, with codes in SQLite (DOMAIN.md 5.2)."""
