"""The doors' hand-written doubles: they hold state, record what was asked, fail when told to."""
