"""Each kind of file by itself: written, read back, and read by somebody else's program."""
