"""What differs between deployments, read from the environment in one place.

Where the outside is stands in `resources/wiring/environment.py`; this is about how the platform
behaves. A wrong value is refused with the name of the variable and what it may be.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal, cast, get_args

from assets.attempt import Build
from assets.factory import Platform
from assets.model.lanes import USUALLY_AT_ONCE
from assets.model.lifecycle import Timing

Deployment = Literal["local", "nonprod", "prod"]

DEPLOYMENT = "EXPORT_DEPLOYMENT"
HASH_SECRET = "EXPORT_HASH_SECRET"  # noqa: S105 - the name of a variable
TIMING_FACTOR = "EXPORT_TIMING_FACTOR"
AS_OF = "EXPORT_AS_OF"
AT_ONCE = "EXPORT_RUNS_AT_ONCE"
GIT_SHA = "GIT_SHA"

# Keys the pseudonyms of made-up fans; everybody knows it, so it is for that deployment only.
LOCAL_SECRET = "local development"  # noqa: S105

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this deployment behaves.

    Attributes:
        deployment: Which one it is.
        timing: The clocks of leases; other than production's only where tests want it.
        hash_secret: Key for pseudonyms.
        git_sha: Commit of the running code.
        as_of: The snapshot of every export over made-up data that ends at an instant.
        at_once: How many exports may be out of the queue at the same time.
    """

    deployment: Deployment
    timing: Timing
    hash_secret: str = field(repr=False)
    git_sha: str
    as_of: datetime | None = None
    at_once: int = USUALLY_AT_ONCE

    def platform(self) -> Platform:
        """The part that exports see."""
        return Platform(
            timing=self.timing,
            build=Build(version=version("export-platform"), git_sha=self.git_sha),
            secret=self.hash_secret.encode(),
            as_of=self.as_of,
            at_once=self.at_once,
        )


def settings(env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ValueError: A variable has a value that it may not have, or is missing.
    """
    name = env.get(DEPLOYMENT, "local")
    if name not in get_args(Deployment):
        raise ValueError(f"{DEPLOYMENT} must be one of {', '.join(get_args(Deployment))}")
    secret = env.get(HASH_SECRET) or (LOCAL_SECRET if name == "local" else "")
    if not secret:
        raise ValueError(f"{HASH_SECRET} must be set in {name}: it keys the pseudonyms of files")
    return Settings(
        deployment=cast(Deployment, name),
        timing=_timing(env, name),
        hash_secret=secret,
        git_sha=env.get(GIT_SHA) or _checkout(),
        as_of=_as_of(env, name),
        at_once=_at_once(env),
    )


def _timing(env: Mapping[str, str], deployment: str) -> Timing:
    factor = env.get(TIMING_FACTOR)
    if factor is None:
        return Timing()
    if deployment != "local":
        raise ValueError(f"{TIMING_FACTOR} is for tests; unset it in {deployment}")
    try:
        return Timing().scaled(float(factor))
    except ValueError:
        raise ValueError(f"{TIMING_FACTOR} must be a number above 0") from None


def _as_of(env: Mapping[str, str], deployment: str) -> datetime | None:
    said = env.get(AS_OF)
    if said is None:
        return None
    if deployment != "local":
        raise ValueError(f"{AS_OF} is for made-up data; unset it in {deployment}")
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except ValueError:
        raise ValueError(f"{AS_OF} must be an instant such as 2026-03-20T12:00:30Z") from None


def _at_once(env: Mapping[str, str]) -> int:
    said = env.get(AT_ONCE, str(USUALLY_AT_ONCE))
    if not said.isascii() or not said.isdecimal() or int(said) < 1:
        raise ValueError(f"{AT_ONCE} must be a whole number above 0")
    return int(said)


def _checkout() -> str:
    """The commit of the checkout that runs, or "unknown" where there is none."""
    try:
        found = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"],  # noqa: S607 - git is where PATH says
            capture_output=True,
            text=True,
            check=False,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):  # an image without git
        return "unknown"
    return found.stdout.strip() or "unknown"
