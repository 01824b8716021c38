"""Versions against their floors: below them are holes that are known (RELIABILITY.md 8)."""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from export_platform.doctor.finding import Finding, good, wrong

# The first release of each series of MongoDB without the holes that are known; MongoBleed
# (CVE-2025-14847) reads the memory of the server without a password.
MONGODB = {(7, 0): Version("7.0.43"), (8, 0): Version("8.0.32"), (8, 2): Version("8.2.3")}


def packages(declared: Iterable[str], installed: Callable[[str], str]) -> Iterator[Finding]:
    """What pyproject.toml declares, against what is installed.

    Args:
        declared: Requirements as the installed distribution tells them.
        installed: Gives the version of a package.
    """
    needed = [one for one in map(Requirement, declared) if one.marker is None]
    old = [text for one in needed if (text := _too_old(one, installed))]
    for text in old:
        yield wrong("packages", text, "install from requirements.lock: floors are known holes")
    if not old:
        yield good("packages", f"{len(needed)} are at or above their floors")


def _too_old(needed: Requirement, installed: Callable[[str], str]) -> str | None:
    try:
        version = installed(needed.name)
    except PackageNotFoundError:
        return f"{needed.name} is not installed"
    if needed.specifier.contains(version, prereleases=True):
        return None
    return f"{needed.name} is {version} and must be {needed.specifier}"


def server(version: str) -> Finding:
    """The version of MongoDB."""
    subject = "version of MongoDB"
    try:
        found = Version(version)
    except InvalidVersion:
        return wrong(subject, "it tells none that can be read", "look at what answers there")
    series = (found.major, found.minor)
    floor = MONGODB.get(series)
    newest = max(MONGODB)
    if (floor is not None and found >= floor) or series > newest:
        return good(subject, version)
    safe = ", ".join(str(one) for one in MONGODB.values())
    return wrong(subject, f"{version} has holes that are known", f"go to one of {safe}, or newer")
