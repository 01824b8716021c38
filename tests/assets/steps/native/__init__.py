"""The usual rows in C, beside the Python path that states every rule."""
