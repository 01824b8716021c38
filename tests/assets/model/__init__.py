"""What the vocabulary of exports promises."""
