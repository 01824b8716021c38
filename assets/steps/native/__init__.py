"""The usual rows of an export in C: `kernel` compiles a plan for `_rows.c`, `lines` runs it."""
