"""What a formatter is."""

from collections.abc import Callable

# Gives the text of a value, "" for None, and raises `Unfit` for one that it does not take.
Formatter = Callable[[object], str]
# Told the code of a leniency, never a value.
Warn = Callable[[str], None]
