"""Warm run workers."""
