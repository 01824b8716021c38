"""The two families of failure that every door speaks: worth another try, or never.

A door raises nothing else. The message is the code and what was attempted, in our own words: driver
and vendor text is dropped because it echoes values, addresses and signed links, and Dagster keeps
the text of a failed step for ever where anyone who reaches the UI can read it (RELIABILITY.md S17).
"""


class DoorError(Exception):
    """A door could not do what it was asked.

    Attributes:
        code: Stable UPPER_SNAKE word for programs, such as ``MONGO_UNREACHABLE``.
        attempted: What was attempted, in words; never a value, address, token or person.
    """

    code: str
    attempted: str

    def __init__(self, code: str, attempted: str) -> None:
        """Keep both parts as arguments, so that the error survives pickling between processes."""
        super().__init__(code, attempted)
        self.code = code
        self.attempted = attempted

    def __str__(self) -> str:
        """Return ``CODE: what was attempted``."""
        return f"{self.code}: {self.attempted}"


class Unavailable(DoorError):
    """The outside did not answer well this time; another try may."""


class Refused(DoorError):
    """The outside will never accept this; another try is wasted."""


class AlreadyExists(Refused):
    """A unique key or a conditional write found the place taken; nothing was changed."""
