"""MongoDB: one connection and one module a collection."""
