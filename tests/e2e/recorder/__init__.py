"""Not imported as a package: a folder for `PYTHONPATH`."""
