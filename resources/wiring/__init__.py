"""Doors from variables: above every door, so that no folder below it looks up."""
