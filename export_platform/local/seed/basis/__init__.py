"""What every pack is made of: ids, random numbers, the plant ledger and the shape of a dataset."""
