"""Tests of the stand-ins of the partner services."""
