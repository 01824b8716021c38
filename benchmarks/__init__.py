"""What the figures in the README come from; each module prints its figure and how to repeat it."""
