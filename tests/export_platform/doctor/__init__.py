"""What the doctor finds: each finding is provoked once."""
