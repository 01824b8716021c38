"""House rules as tests: shape of the code, imports, lock files, and what must not leak."""
