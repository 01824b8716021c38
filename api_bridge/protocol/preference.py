"""The Prefer header (RFC 7240), as far as this bridge honours it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Proxies let go of a silent connection after 60 s as a rule (API.md 3).
MAX_WAIT_SECONDS = 60

_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What a caller prefers.

    Attributes:
        lenient: Leave out the columns that the token may not see and name them, rather than refuse
            the request (`handling=lenient`; FHIR Bulk Data uses it the same way).
        respond_async: Answer before the export is made, as is done anyway (`respond-async`).
        wait: Seconds that the answer may take, if there is something to wait for (`wait=N`); more
            than `MAX_WAIT_SECONDS` are as many.
    """

    lenient: bool = False
    respond_async: bool = False
    wait: int = 0

    def applied(self, *, ahead: bool = False, waited: bool = False) -> dict[str, str]:
        """`Preference-Applied`, where anything was applied (RFC 7240 3).

        Args:
            ahead: The answer came before the export has ended.
            waited: The answer waited, as long as there was reason to.
        """
        honoured = {
            "handling=lenient": self.lenient,
            "respond-async": self.respond_async and ahead,
            f"wait={self.wait}": waited,
        }
        told = ", ".join(name for name, holds in honoured.items() if holds)
        return {"Preference-Applied": told} if told else {}


def preference(headers: Iterable[str]) -> Preference:
    """Read every Prefer header; what is not known is ignored, as RFC 7240 2 wants it.

    The first of two that contradict each other counts, and so does a name in any case.
    """
    said: dict[str, str] = {}
    for part in ",".join(headers).split(","):
        name, _, value = part.partition(";")[0].partition("=")
        said.setdefault(name.strip().lower(), value.strip().strip('"').lower())
    wait = said.get("wait", "")
    return Preference(
        lenient=said.get("handling") == "lenient",
        respond_async=said.get("respond-async") == "",
        wait=min(int(wait), MAX_WAIT_SECONDS) if _SECONDS.fullmatch(wait) else 0,
    )
