"""Real services, named by variables: `make test-staging` (docs/staging.md)."""
