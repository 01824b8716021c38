"""What a deployment runs with: the Dagster instances, and the image."""
