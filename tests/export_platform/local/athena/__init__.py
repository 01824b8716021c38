"""Tests of the Athena endpoint: Athena's rules, errors, types and text."""
