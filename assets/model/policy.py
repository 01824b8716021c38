"""Who may see which column: the decision on personal data, made once and recorded.

The matrix is DOMAIN.md 7.0. The decision depends only on the columns' classes, the mode
asked for and the scopes of the caller; the pipeline applies it and the manifest shows it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from assets.model.column import Column, Format, FormatKind, Pii


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
    def from_document(cls, document: Mapping[str, object]) -> "Policy":
        """Read the stored form."""
        grants = document.get("grants") or ()
        assert isinstance(grants, Iterable)
        return cls(mode=PiiMode(str(document["mode"])), grants=tuple(str(g) for g in grants))


PII_SCOPES = ("pii:masked", "pii:full", "scores:read", "answers:sensitive", "codes:reveal")

# Classes that a mode cannot show without a scope. RESTRICTED and SECRET are not here: they are
# withheld column by column where their scope is missing, in every mode.
_NEEDED: Mapping[PiiMode, Mapping[Pii, str]] = {
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
_MASKS: Mapping[FormatKind, Transform] = {
    FormatKind.EMAIL: Transform.MASK_EMAIL,
    FormatKind.E164: Transform.MASK_PHONE,
}
_HASHES: Mapping[FormatKind, Transform] = {
    FormatKind.EMAIL: Transform.SHA256_EMAIL,
    FormatKind.E164: Transform.SHA256_PHONE,
}


def denied(columns: Iterable[Column], policy: Policy) -> dict[str, str]:
    """Columns that the mode would show but the caller may not see, with the scope they need."""
    needed = _NEEDED[policy.mode]
    return {
        column.name: needed[column.pii]
        for column in columns
        if column.pii in needed and needed[column.pii] not in policy.grants
    }


def transform(column: Column, policy: Policy) -> Transform:
    """What happens to one column under a decision; an unknown class is withheld."""
    if column.name in denied((column,), policy):
        return Transform.WITHHELD
    match column.pii:
        case Pii.NONE:
            return Transform.NONE
        case Pii.QUASI_IDENTIFIER:
            return _quasi(column.name, policy.mode)
        case Pii.PSEUDONYM:
            return _pseudonym(policy.mode)
        case Pii.DIRECT:
            return _direct(column.format, policy.mode)
        case Pii.RESTRICTED:
            return _restricted(policy)
        case _:
            return _secret(policy)


def _quasi(name: str, mode: PiiMode) -> Transform:
    if mode is PiiMode.FULL:
        return Transform.NONE
    if mode is PiiMode.MASKED:
        return Transform.POSTAL_PREFIX if name == "postal_code" else Transform.NONE
    return Transform.WITHHELD


def _pseudonym(mode: PiiMode) -> Transform:
    by_mode = {PiiMode.HASHED: Transform.HMAC, PiiMode.NONE: Transform.WITHHELD}
    return by_mode.get(mode, Transform.NONE)


def _direct(column_format: Format, mode: PiiMode) -> Transform:
    if mode is PiiMode.FULL:
        return Transform.NONE
    if mode is PiiMode.MASKED:
        return _MASKS.get(column_format.kind, Transform.MASK_NAME)
    if mode is PiiMode.HASHED:
        return _HASHES.get(column_format.kind, Transform.WITHHELD)
    return Transform.WITHHELD


def _restricted(policy: Policy) -> Transform:
    seen = policy.mode in (PiiMode.FULL, PiiMode.MASKED) and "scores:read" in policy.grants
    return Transform.NONE if seen else Transform.WITHHELD


def _secret(policy: Policy) -> Transform:
    grants = {"pii:full", "answers:sensitive"}
    seen = policy.mode is PiiMode.FULL and grants <= set(policy.grants)
    return Transform.NONE if seen else Transform.WITHHELD


def withheld(columns: Iterable[Column], policy: Policy) -> tuple[str, ...]:
    """Names of the columns that the file will not have, in the order of the catalogue."""
    return tuple(c.name for c in columns if transform(c, policy) is Transform.WITHHELD)
