"""One module a group of HTTP routes."""
