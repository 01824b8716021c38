"""The commands of `export-platform`, one module a group; `cli.py` lists them."""
