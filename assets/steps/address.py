"""Where the files of an attempt lie: made of ids only, never of user text (DESIGN.md 3)."""

from collections.abc import Iterable
from dataclasses import dataclass

from assets.model.export_type import Scope
from assets.model.manifest import MANIFEST_NAME
from assets.model.output import OutputFormat
from assets.model.request import ExportRequest

_SCOPE_NAMES = {
    Scope.CAMPAIGN: "campaign",
    Scope.DAY: "day",
    Scope.PRIVACY_CASE: "case",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The prefix of one attempt; the token in it keeps a zombie's objects apart.

    Attributes:
        export: Prefix of every attempt of the export, with a final slash.
        attempt: Prefix of this attempt, with a final slash.
    """

    export: str
    attempt: str

    def part(self, number: int, output: OutputFormat, section: str = "") -> str:
        """The key of a file, numbered from 1 in each section."""
        return f"{self.attempt}{section or 'part'}-{number:05d}.{output.extension}"

    @property
    def manifest(self) -> str:
        """The key of the manifest."""
        return f"{self.attempt}{MANIFEST_NAME}"


def export_prefix(request: ExportRequest, scope: Scope, export_id: str) -> str:
    """The prefix of every attempt of an export, with a final slash."""
    return (
        f"exports/{request.type}/v{request.version}/"
        f"{_SCOPE_NAMES[scope]}={request.partition}/export={export_id}/"
    )


def export_of(key: str) -> str:
    """The prefix of every attempt of the export that an attempt's object belongs to."""
    return key.rsplit("/", 2)[0] + "/"


def attempt_of(key: str) -> tuple[str, int]:
    """The prefix of the attempt that an object belongs to, and the attempt's number."""
    prefix = key.rsplit("/", 1)[0] + "/"
    number = prefix.rsplit("/", 2)[-2].removeprefix("a").partition("-")[0]
    return prefix, int(number)


def attempts_of(keys: Iterable[str]) -> set[str]:
    """The prefixes of the attempts that objects belong to."""
    return {attempt_of(key)[0] for key in keys}


def address(
    request: ExportRequest, scope: Scope, *, export_id: str, attempt: int, token: str
) -> Address:
    """The place of one attempt of one export."""
    export = export_prefix(request, scope, export_id)
    return Address(export=export, attempt=f"{export}a{attempt}-{token[:8]}/")
