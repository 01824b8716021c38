"""What a command said."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The end of a command.

    Attributes:
        code: Its exit code.
        out: What it wrote to stdout.
        err: What it wrote to stderr.
    """

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line of an error; fails the test when it is not one line."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert 1 == len(lines), self.err
        assert "" == self.out
        assert lines[0].startswith("error: ")
        return lines[0].removeprefix("error: ")
