"""The same work as other people do it: scripts that know nothing of this project."""
