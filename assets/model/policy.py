"""Who may see which column: the decision on personal data, made once and recorded.

The matrix is DOMAIN.md 7.0. The decision depends only on the columns' classes, the mode
asked for and the scopes of the caller; the pipeline applies it and the manifest shows it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from assets.model.column import Column, FormatKind, Pii


class PiiMode(StrEnum):
    """How much of the personal data a file shows."""

    FULL = "full"
    MASKED = "masked"
    HASHED = "hashed"
    NONE = "none"


class Transform(StrEnum):
    """What happens to the values of one column; recorded beside it in the manifest."""

    NONE = "none"
    MASK_EMAIL = "mask_email"
    MASK_PHONE = "mask_phone"
    MASK_NAME = "mask_name"
    POSTAL_PREFIX = "postal_prefix"
    SHA256_EMAIL = "sha256_email"
    SHA256_PHONE = "sha256_phone"
    HMAC = "hmac"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The decision as it is stored on the export document.

    Attributes:
        mode: The mode asked for.
        grants: The caller's scopes that bear on columns, sorted; nothing else of the token.
    """

    mode: PiiMode
    grants: tuple[str, ...] = ()

    def to_document(self) -> dict[str, object]:
        """The stored form."""
        return {"mode": str(self.mode), "grants": list(self.grants)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Policy":
        """Read the stored form."""
        return cls(mode=PiiMode(document["mode"]), grants=tuple(document["grants"]))


# What a scope holds beside itself: whoever may see a value in full may see its mask.
_HOLDS = {"pii:full": ("pii:masked",)}
PII_SCOPES = ("pii:masked", "pii:full", "scores:read", "answers:sensitive", "codes:reveal")

# Scopes without which a mode is refused as a whole. RESTRICTED and SECRET are not here: such
# columns are withheld one by one where their scope is missing, in every mode.
_REFUSED_WITHOUT: Mapping[PiiMode, Mapping[Pii, str]] = {
    PiiMode.FULL: {
        Pii.QUASI_IDENTIFIER: "pii:masked",
        Pii.PSEUDONYM: "pii:masked",
        Pii.DIRECT: "pii:full",
    },
    PiiMode.MASKED: {
        Pii.QUASI_IDENTIFIER: "pii:masked",
        Pii.PSEUDONYM: "pii:masked",
        Pii.DIRECT: "pii:masked",
    },
    PiiMode.HASHED: {Pii.PSEUDONYM: "pii:masked", Pii.DIRECT: "pii:masked"},
    PiiMode.NONE: {},
}
_WITHHELD_WITHOUT: Mapping[Pii, frozenset[str]] = {
    Pii.RESTRICTED: frozenset({"scores:read"}),
    Pii.SECRET: frozenset({"pii:full"}),
}
# What a mode does to a class; what is not here is withheld, so nothing is public by omission.
_SHOWN: Mapping[Pii, Mapping[PiiMode, Transform]] = {
    Pii.NONE: dict.fromkeys(PiiMode, Transform.NONE),
    Pii.QUASI_IDENTIFIER: {PiiMode.FULL: Transform.NONE, PiiMode.MASKED: Transform.NONE},
    Pii.PSEUDONYM: {
        PiiMode.FULL: Transform.NONE,
        PiiMode.MASKED: Transform.NONE,
        PiiMode.HASHED: Transform.HMAC,
    },
    Pii.DIRECT: {PiiMode.FULL: Transform.NONE, PiiMode.MASKED: Transform.MASK_NAME},
    Pii.RESTRICTED: {PiiMode.FULL: Transform.NONE, PiiMode.MASKED: Transform.NONE},
    Pii.SECRET: {PiiMode.FULL: Transform.NONE},
}
# Direct identifiers whose form allows more than a first letter, or a hash that others can match.
_BY_FORMAT: Mapping[tuple[PiiMode, FormatKind], Transform] = {
    (PiiMode.MASKED, FormatKind.EMAIL): Transform.MASK_EMAIL,
    (PiiMode.MASKED, FormatKind.E164): Transform.MASK_PHONE,
    (PiiMode.HASHED, FormatKind.EMAIL): Transform.SHA256_EMAIL,
    (PiiMode.HASHED, FormatKind.E164): Transform.SHA256_PHONE,
    # A plain hash of an address can be looked up, so a mask does not show it; in a file of hashes
    # it is what it should be already.
    (PiiMode.MASKED, FormatKind.HASH): Transform.WITHHELD,
    (PiiMode.HASHED, FormatKind.HASH): Transform.NONE,
    # A mask of a number without its plus would show which of them are short.
    (PiiMode.MASKED, FormatKind.MSISDN): Transform.MASK_NAME,
}
POSTAL_CODE = "postal_code"  # masked to its first three characters, wherever it stands


def grants(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes among these that bear on columns, with what they hold, sorted."""
    held = set(scopes) & set(PII_SCOPES)
    return tuple(sorted(held.union(*(_HOLDS.get(scope, ()) for scope in held))))


def denied(columns: Iterable[Column], policy: Policy) -> dict[str, str]:
    """Columns that the mode would show but the caller may not see, with the scope they need."""
    needed = {column.name: _lacking(column, policy) for column in columns}
    return {name: scope for name, scope in needed.items() if scope is not None}


def _lacking(column: Column, policy: Policy) -> str | None:
    """The scope that a column needs before its mode may show it, where the caller has it not."""
    scope = _REFUSED_WITHOUT[policy.mode].get(column.pii)
    if scope is None or scope in policy.grants:
        return None
    return None if _shown(column, policy.mode) is Transform.WITHHELD else scope


def transform(column: Column, policy: Policy) -> Transform:
    """What happens to one column under a decision."""
    needed = _WITHHELD_WITHOUT.get(column.pii, frozenset())
    if column.pii is Pii.SECRET:
        needed = needed | {column.secret_scope}
    if needed.difference(policy.grants) or _lacking(column, policy) is not None:
        return Transform.WITHHELD
    return _shown(column, policy.mode)


def _shown(column: Column, mode: PiiMode) -> Transform:
    """What a mode does to a column, whoever asks."""
    if column.name == POSTAL_CODE and mode is PiiMode.MASKED:
        return Transform.POSTAL_PREFIX
    usual = _SHOWN.get(column.pii, {}).get(mode, Transform.WITHHELD)
    if column.pii is Pii.DIRECT:
        return _BY_FORMAT.get((mode, column.format.kind), usual)
    return Transform.HMAC if column.keyed and usual is Transform.NONE else usual


def withheld(columns: Iterable[Column], policy: Policy) -> tuple[str, ...]:
    """Names of the columns that the file will not have, in the order of the catalogue."""
    return tuple(c.name for c in columns if transform(c, policy) is Transform.WITHHELD)
