"""The bridge under load: callers, slow sockets, and a database that costs little."""
