"""The entries service, over the entries of the stack (DOMAIN.md 5.3)."""
