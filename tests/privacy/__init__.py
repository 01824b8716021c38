"""No personal value gets where the decision table of DOMAIN.md 7.0 does not let it."""
