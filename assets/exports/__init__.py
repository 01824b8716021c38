"""The catalogue: one module a kind of export, declared once; catalog.py lists them."""
