"""The vocabulary of the scenarios: what is given, what somebody does, what comes of it."""
