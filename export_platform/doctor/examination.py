"""Every check, in the order in which what is wrong explains what comes after it."""

from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Protocol

from export_platform.doctor import database, outside, storage, versions, webhooks
from export_platform.doctor.finding import Finding, good, wrong
from resources.clock import Clock


class Settings(Protocol):
    """What is asked of the settings that were read (export_platform/settings.py)."""

    @property
    def deployment(self) -> str:
        """Which deployment it is."""

    @property
    def git_sha(self) -> str:
        """Commit of the running code."""


Reading = Callable[[Mapping[str, str]], Settings]


def examine(
    env: Mapping[str, str], clock: Clock, *, read: Reading, write: bool = False
) -> list[Finding]:
    """Look at a deployment from the inside of one of its processes.

    Args:
        env: The variables of that process; what a process does not need it does not have, and
            that is a finding of its own.
        clock: Of its machine.
        read: Reads the settings of the platform.
        write: Also make and delete an object in the bucket of the exports, as a run does.
    """
    declared = metadata.requires("export-platform") or []
    local = _is_local(env, read)
    return [
        behaviour(env, read),
        *versions.packages(declared, metadata.version),
        *database.look(env, clock),
        *storage.look(env, local=local),
        *outside.look(env, clock, write=write),
        *webhooks.way_out(env, clock, local=local),
    ]


def _is_local(env: Mapping[str, str], read: Reading) -> bool:
    """Whether it says so; settings that cannot be read are those of no machine in particular."""
    try:
        return read(env).deployment == "local"
    except ValueError:
        return False


def behaviour(env: Mapping[str, str], read: Reading) -> Finding:
    """The settings of the platform itself."""
    try:
        said = read(env)
    except ValueError as error:
        return wrong("settings", str(error), "set it, or unset what is for tests alone")
    if said.deployment != "local" and said.git_sha == "unknown":
        remedy = "set GIT_SHA to the commit of the image"
        return wrong("settings", "manifests would name no commit", remedy)
    return good("settings", f"deployment {said.deployment}")
