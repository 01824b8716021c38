"""Tests of the deterministic data: what is planted is there, and the same for every chunk."""
