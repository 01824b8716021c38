"""The hand-written pack (DOMAIN.md 10.2 calls it nano): every document can be read here."""
