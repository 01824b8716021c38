"""The Athena endpoint of the embedded stack: AWS JSON 1.1 in front of DuckDB."""
