"""The deliveries: one module a destination, and what they all promise in `contract.py`."""
