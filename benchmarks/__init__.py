"""What the figures in README.md and RESULTS.md come from, and how to repeat each."""
