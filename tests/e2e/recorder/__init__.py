"""A folder for `PYTHONPATH`: the module in it is what a Python that is started so imports first."""
