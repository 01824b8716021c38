"""Tests of what only the real doors have: error tables, compiled queries, the Dagster shells."""
