"""What terraform/ promises, held without a provider and without AWS."""
