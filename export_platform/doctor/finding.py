"""What a check says, and what mends the failures that doors tell of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from resources.errors import DoorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What, such as `MongoDB` or `bucket of the exports`.
        good: Whether it is as it must be.
        says: What was found; never a secret, an address or a value of a variable.
        remedy: What to do; empty where nothing is to be done.
    """

    subject: str
    good: bool
    says: str
    remedy: str = ""


# What is behind the last word of a door's code, and what mends it (resources/errors.py).
REMEDIES = {
    "UNREACHABLE": "look at its address, the security groups and the DNS of this process",
    "TIMEOUT": "look at its address and the security groups: nothing answers, nothing refuses",
    "AUTH": "put the right user and password into the secret, then redeploy",
    "AUTH_EXPIRED": "look at the role of this process; its credentials are not renewed",
    "FORBIDDEN": "give this process's role the permission, or its token the scope",
    "MISSING": "look at the name in the variable; nothing of that name is there",
    "CLOCK_SKEW": "set the clock of this machine; AWS refuses signatures that are minutes off",
    "THROTTLED": "wait, and ask again; if it stays, ask for a higher quota",
    "UNAVAILABLE": "look at that service's own health; nothing here mends it",
    "UNPROVEN": "look at the name in DAGSTER_PG_HOST and the authorities in PGSSLROOTCERT",
    "REPLACED": "use a store that honours If-None-Match: another attempt could replace a file",
    "REFUSED": "look at the names and the region in the variables of this process",
}


def good(subject: str, says: str) -> Finding:
    """It is as it must be."""
    return Finding(subject=subject, good=True, says=says)


def wrong(subject: str, says: str, remedy: str) -> Finding:
    """It is not, and this mends it."""
    return Finding(subject=subject, good=False, says=says, remedy=remedy)


def failed(subject: str, error: DoorError) -> Finding:
    """A door could not do what it was asked."""
    cause = error.code.partition("_")[2]
    remedy = REMEDIES.get(cause, "docs/runbook.md has the codes of doors")
    return wrong(subject, f"{error.code}: could not {error.attempted}", remedy)


@contextmanager
def looking_at(subject: str, findings: list[Finding]) -> Iterator[None]:
    """Within it, the failure of a door becomes a finding, and the next check goes on."""
    try:
        yield
    except DoorError as error:
        findings.append(failed(subject, error))


def unset(subject: str, error: ValueError) -> Finding:
    """A variable is missing or malformed; our own texts name it and hold no value."""
    return wrong(subject, str(error), "set it (resources/wiring/environment.py names them all)")
