"""What came of the attacks: counts that must stay zero, each with the cases that raised it."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

from tests.fuzz.exchange import NO_ANSWER, Case, Reply

HANG_SECONDS = 2.0
FIRST_ERROR = 400
SERVER_ERROR = 500
UNAUTHORIZED = 401
# A header that cannot be read at all is refused before anybody looks for a token in it.
UNREAD = (FIRST_ERROR, 431)
PROBLEM = "application/problem+json"
# The caller's own request id is echoed by contract (API.md 3), in the header and in the body.
ECHOED = ("x-request-id", "traceparent")
NOTES = 40

LAST = ("5xx", "hangs", "echoes", "tokens_accepted")
FIRST = (
    "malformed",
    "undescribed",
    "operators",
    "statements",
    "leaks",
    "cells",
    "refused",
    "fetches",
)


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts of a run.

    Attributes:
        cases: How many requests were sent and judged.
        faults: How often each thing that must not be was.
        notes: The first cases of each, for a person.
    """

    cases: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def fault(self, kind: str, note: str) -> None:
        """Count one; what is noted holds made-up input only."""
        self.faults[kind] += 1
        if len(self.notes) < NOTES:
            self.notes.append(f"{kind}: {note}")

    def add(self, other: "Tally") -> None:
        """Count what another attack came to."""
        self.cases += other.cases
        self.faults += other.faults
        self.notes += other.notes[: max(0, NOTES - len(self.notes))]

    def lines(self) -> tuple[str, str]:
        """The counts that are this harness's own, and the one line that is promised."""
        first = " ".join(f"{name}={self.faults[name]}" for name in FIRST)
        last = " ".join(f"{name}={self.faults[name]}" for name in LAST)
        return first, f"cases={self.cases} {last}"


class Judge:
    """Looks at every answer.

    Args:
        described: The bridge's own description, which says what a problem document is.
        tally: Where faults are counted.
    """

    def __init__(self, described: Mapping[str, Any], tally: Tally) -> None:
        """Compile the schema of a problem."""
        self._problem = Draft202012Validator(described["components"]["schemas"]["Problem"])
        self._tally = tally

    def see(self, case: Case, reply: Reply) -> None:
        """Judge one answer."""
        self._tally.cases += 1
        for kind in self._faults(case, reply):
            self._tally.fault(kind, f"{reply.status} in {reply.seconds:.1f} s for {case!r:.600}")

    def _faults(self, case: Case, reply: Reply) -> list[str]:
        found = []
        if reply.status == NO_ANSWER or reply.status >= SERVER_ERROR:
            found.append("5xx")
        if reply.seconds > HANG_SECONDS + case.waits:
            found.append("hangs")
        if case.refusal and reply.status not in (UNAUTHORIZED, *UNREAD):
            found.append("tokens_accepted")
        if reply.status >= FIRST_ERROR:
            found += self._faults_of_error(case, reply)
        return found

    def _faults_of_error(self, case: Case, reply: Reply) -> list[str]:
        found = []
        if case.marker and case.marker.lower() in _shown(reply).lower():
            found.append("echoes")
        if case.method != "HEAD" and not self._is_problem(reply):
            found.append("malformed")
        return found

    def _is_problem(self, reply: Reply) -> bool:
        """Whether an error is a problem document (RFC 9457) that says what its status says."""
        try:
            body = json.loads(reply.body)
        except ValueError:
            return False
        return (
            reply.header("content-type") == PROBLEM
            and self._problem.is_valid(body)
            and body["status"] == reply.status
            and body["type"] == f"/problems/{body['code']}"
        )


def _shown(reply: Reply) -> str:
    """Everything that an error shows, without the request id that the caller chose."""
    text = reply.body.decode("utf-8", "replace")
    named = [value for name, value in reply.headers if name not in ECHOED]
    chosen = reply.header("x-request-id")
    if chosen:
        text = text.replace(f'"request_id":"{chosen}"', "")
    return "\n".join((text, *named))
