"""Tests of how doors are built."""
