"""Tests of what an export is and how one is made."""
