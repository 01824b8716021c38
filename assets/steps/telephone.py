"""What a telephone number is; the one place where a leading plus is no formula."""

import re
from typing import Final

_E164: Final = re.compile(r"\+[0-9]{8,15}")


def is_e164(text: str) -> bool:
    """Whether this is a possible telephone number: a plus and 8 to 15 digits (DOMAIN.md 6.4)."""
    return _E164.fullmatch(text) is not None
