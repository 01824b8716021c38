"""Deliveries: one suite for every destination, and scripted runs against Marketing Cloud."""
