"""What the benchmarks rest on: the replay server, its entries, and who compares the outputs."""
