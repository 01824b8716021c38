"""Deterministic synthetic data (DOMAIN.md section 10)."""
