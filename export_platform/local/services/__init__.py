"""Stand-ins of the partner services: each a real process, and faults on demand in front of it."""
