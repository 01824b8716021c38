"""The pure steps of making an export, in the order they happen."""
