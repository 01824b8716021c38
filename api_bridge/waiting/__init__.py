"""Waiting for an export to change, without a thread."""
