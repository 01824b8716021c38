"""Packs of any size, computed from an index: every value is f(seed, field, index)."""
