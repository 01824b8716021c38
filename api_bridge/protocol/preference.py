"""The Prefer header (RFC 7240), as far as this bridge honours it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What a caller prefers.

    Attributes:
        lenient: Leave out the columns that the token may not see and name them, rather than refuse
            the request (`handling=lenient`; FHIR Bulk Data uses it the same way).
    """

    lenient: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """`Preference-Applied`, where anything was applied (RFC 7240 3)."""
        return {"Preference-Applied": "handling=lenient"} if self.lenient else {}


def preference(headers: Iterable[str]) -> Preference:
    """Read every Prefer header; what is not known is ignored, as RFC 7240 2 wants it.

    The first of two that contradict each other counts, and so does a name in any case.
    """
    for header in headers:
        for part in header.split(","):
            name, _, value = part.partition(";")[0].partition("=")
            if name.strip().lower() == "handling":
                return Preference(lenient=value.strip().strip('"').lower() == "lenient")
    return Preference()
