"""Failures by the hundred, canaries everywhere: `python -m tests.canaries`, a part in the suite."""
