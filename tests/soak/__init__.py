"""The platform under mixed load for an hour or more, with a kill a minute: `make soak`."""
