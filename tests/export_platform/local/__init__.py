"""Tests of the embedded stack, over its real processes."""
