"""A request for an export in its canonical form, and its fingerprint.

Parsing what a caller sent is `parameters.py`; this is what is stored, hashed and run.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from assets.model.output import (
    Compression,
    Dialect,
    Kind,
    OutputFormat,
    PhoneStyle,
    TextGuard,
)
from assets.model.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What is to be exported; equal requests have equal canonical documents.

    Attributes:
        type: Catalogue id.
        version: Version of the type when it was asked for.
        partition: The Dagster partition key: the campaign's key, a day or a case id.
        campaign: The campaign's key, or None for an export that is not of a campaign.
        options: Every option of the type with its default filled in; JSON values only.
        deliver: Destinations that the files go to beside the exports bucket, sorted.
        columns: The chosen columns, sorted by name; empty for all. Files show them in the
            catalogue's order.
        output: The form of the files.
        policy: The decision on personal data.
        reason: Why, in the caller's words; needed for `full` (DOMAIN.md 2.7).
        max_rejects: How many rejected rows are still a success; None for the usual bound.
        allow_partial: Whether more of them are one too, but a partial one (API.md 2).
    """

    type: str
    version: int
    partition: str
    campaign: str | None
    options: Mapping[str, Any]
    columns: tuple[str, ...]
    output: OutputFormat
    policy: Policy
    deliver: tuple[str, ...] = ()
    reason: str | None = None
    max_rejects: int | None = None
    allow_partial: bool = False

    def to_document(self) -> dict[str, Any]:
        """The canonical, stored form: plain JSON values."""
        return {
            "type": self.type,
            "version": self.version,
            "partition": self.partition,
            "campaign": self.campaign,
            "options": {name: self.options[name] for name in sorted(self.options)},
            "columns": list(self.columns),
            "format": {
                "kind": str(self.output.kind),
                "dialect": str(self.output.dialect),
                "compression": str(self.output.compression),
                "rowsPerFile": self.output.rows_per_file,
                "bytesPerFile": self.output.bytes_per_file,
                "textGuard": str(self.output.text_guard),
                "phoneStyle": str(self.output.phone_style),
            },
            "deliver": list(self.deliver),
            "policy": self.policy.to_document(),
            "reason": self.reason,
            "maxRejects": self.max_rejects,
            # Not written when it is false: the fingerprints of files from before it stay true.
            **({"allowPartial": True} if self.allow_partial else {}),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "ExportRequest":
        """Read the stored form; a member that is missing or of a wrong kind raises."""
        stored = document["format"]
        return cls(
            type=document["type"],
            version=document["version"],
            partition=document["partition"],
            campaign=document["campaign"],
            options=dict(document["options"]),
            columns=tuple(document["columns"]),
            output=OutputFormat(
                kind=Kind(stored["kind"]),
                dialect=Dialect(stored["dialect"]),
                compression=Compression(stored["compression"]),
                rows_per_file=stored["rowsPerFile"],
                bytes_per_file=stored["bytesPerFile"],
                text_guard=TextGuard(stored["textGuard"]),
                phone_style=PhoneStyle(stored["phoneStyle"]),
            ),
            deliver=tuple(document["deliver"]),
            policy=Policy.from_document(document["policy"]),
            reason=document.get("reason"),
            max_rejects=document.get("maxRejects"),
            allow_partial=document.get("allowPartial", False),
        )

    def fingerprint(self) -> str:
        """`sha256:<hex>` of what decides the bytes of the files (DESIGN.md 3, rule 8).

        The reason is left out: two people with two reasons get the same file.
        """
        deciding = {name: v for name, v in self.to_document().items() if name != "reason"}
        return f"sha256:{hashlib.sha256(canonical_json(deciding)).hexdigest()}"


def canonical_json(value: object) -> bytes:
    """Compact UTF-8 JSON with sorted keys: equal values give equal bytes (DOMAIN.md 6.1 `json`).

    A dataclass is written as its fields.
    """
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=members,
    ).encode()


def members(value: object) -> dict[str, Any]:
    """The fields of a dataclass; `asdict` copies all that is in them, at three times the cost.

    Raises:
        TypeError: It is none.
    """
    return {one.name: getattr(value, one.name) for one in fields(value)}  # type: ignore[arg-type]
