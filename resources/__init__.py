"""The doors: the only code that touches the outside; imports none of ours."""
