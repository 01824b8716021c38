"""The invariants of DOMAIN.md 11: what must hold between the files of different exports."""
