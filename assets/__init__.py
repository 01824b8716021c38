"""What an export is, and how one is made."""
