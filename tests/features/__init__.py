"""What people ask for, as scenarios that they can read."""
