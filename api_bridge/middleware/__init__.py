"""One module a concern that wraps every request."""
