"""The embedded stack: every outside service as a real process on loopback."""
