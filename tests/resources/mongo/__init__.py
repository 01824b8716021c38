"""Tests of the pure parts of the MongoDB doors."""
