"""What must never be committed: secrets, addresses of registries, paths of one machine.

A plain function, used by the test over the whole repository and by the pre-commit hook over the
files of one commit: `python -m tests.conventions.leaks FILE...` prints what it found and exits 1.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# The patterns are written so that they do not match themselves.
FORBIDDEN = {
    "address of a package registry": re.compile(
        r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|proxy\.golang\.org|/opt/(wheels|pypi)|file:/{2}/"
    ),
    "path of one machine": re.compile(r"(?<![\w.}])/(tmp|root|work)/|/(home|Users)/[a-z][\w.-]*/"),
    "private key": re.compile(r"-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}"),
    # AWS's own documentation ends its keys like that.
    "access key of AWS": re.compile(r"\b(AKIA|ASIA)(?![0-9A-Z]{9}EXAMPLE\b)[0-9A-Z]{16}\b"),
    "token of a forge": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36}|glpat-[\w-]{20})\b"),
    "signed web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "password in an address": re.compile(
        r"\b(mongodb(\+srv)?|postgres(ql)?|https?)://[^\s/:@{<$]+:[^\s/@{<$]+@"
    ),
}


def leaks(text: str) -> Iterator[tuple[int, str]]:
    """Line number and kind of everything in a text that must not be committed."""
    for number, line in enumerate(text.splitlines(), start=1):
        for kind, pattern in FORBIDDEN.items():
            if pattern.search(line):
                yield number, kind


def in_file(file: Path) -> list[str]:
    """The leaks of one file as `path:line: kind`, never the text itself; binary files have none."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    return [f"{file}:{number}: {kind}" for number, kind in leaks(text)]


def main(names: list[str]) -> int:
    """Print the leaks of the named files; 1 if there is one."""
    found = [line for name in names for line in in_file(Path(name))]
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
