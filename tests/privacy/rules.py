"""Who may see what: DOMAIN.md 7.0 once more, in other words than the code's.

It is written by class of source field, takes nothing from the catalogue or from the policy, and is
what the canaries are judged by.
"""

from collections.abc import Mapping
from typing import Final

from tests.privacy.canaries import (
    CODE,
    DIRECT,
    NEVER,
    PSEUDONYM,
    QUASI,
    RESTRICTED,
    SECRET,
)
from tests.privacy.search import Found

MODES: Final = ("full", "masked", "hashed", "none")
_ALL_BUT_PII: Final = ("answers:sensitive", "codes:reveal", "scores:read")
EVERY_SCOPE: Final = ("pii:full", *_ALL_BUT_PII)
# In each mode those callers whom a class or a scope of the table tells apart.
CALLERS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "full": (
        ("pii:masked", *_ALL_BUT_PII),
        ("pii:full", "scores:read"),
        ("pii:full", "answers:sensitive"),
        ("pii:full", "codes:reveal"),
        EVERY_SCOPE,
    ),
    "masked": (_ALL_BUT_PII, ("pii:full",), EVERY_SCOPE),
    "hashed": (_ALL_BUT_PII, EVERY_SCOPE),
    "none": (EVERY_SCOPE,),
}
# Per class and mode, the scopes that together show the value as it is; no entry: nobody sees it.
_AS_IT_IS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    QUASI: {"full": frozenset({"pii:masked"}), "masked": frozenset({"pii:masked"})},
    PSEUDONYM: {"full": frozenset({"pii:masked"}), "masked": frozenset({"pii:masked"})},
    DIRECT: {"full": frozenset({"pii:full"})},
    RESTRICTED: {"full": frozenset({"scores:read"}), "masked": frozenset({"scores:read"})},
    SECRET: {"full": frozenset({"pii:full", "answers:sensitive"})},
    CODE: {"full": frozenset({"pii:full", "codes:reveal"})},
    NEVER: {},
}
# Exports whose purpose is that a direct identifier leaves as its SHA-256 and never in clear; a
# platform for advertisements takes those of names as well (DOMAIN.md 7.12, 7.20).
ONLY_HASHES: Final = {"scoring-input", "ad-audience"}
HASHED_NAMES: Final = {"ad-audience"}
# Exports with counts only: not one value of a person, whoever asks (DOMAIN.md 7.10, 7.17, 7.21).
COUNTS_ONLY: Final = {"market-demand", "geo-demand", "campaign-summary", "registration-timeline"}
# Exports whose ids are keyed hashes for everybody (DOMAIN.md 7.14).
KEYED: Final = {"survey-answers"}
# What no other export holds and the person is told, as the class of its kind (DOMAIN.md 7.22).
_OWN: Final[Mapping[str, Mapping[str, str]]] = {
    "subject-access": {
        "A.referrer": QUASI,
        "device.userAgent": QUASI,
        "device.fingerprint": PSEUDONYM,
    }
}
_HASHABLE: Final = ("email", "phone", "sha256")
# A digest that is stored is a hash already.
_FORMS: Final = {"sha256": "hash"}
# First three characters are all that a mask leaves of them.
_SHORTENED: Final = "postal"


def allowed(found: Found, *, name: str, mode: str, scopes: tuple[str, ...]) -> bool:
    """Whether a file of this export may hold a canary in this form."""
    held = set(scopes) | ({"pii:masked"} if "pii:full" in scopes else set())
    canary = found.canary
    if name in COUNTS_ONLY or (canary.cls == PSEUDONYM and name in KEYED):
        return False
    if canary.cls == DIRECT and "hash" in (found.form, _FORMS.get(canary.kind)):
        return _hash_allowed(found, name=name, mode=mode, held=held)
    if canary.cls == DIRECT and name in ONLY_HASHES:
        return False
    if canary.kind == _SHORTENED and mode == "masked":
        return False
    cls = _OWN.get(name, {}).get(canary.path, canary.cls)
    needed = _AS_IT_IS[cls].get(mode)
    return found.form == "raw" and needed is not None and needed <= held


def _hash_allowed(found: Found, *, name: str, mode: str, held: set[str]) -> bool:
    """Of addresses and telephones, where the mode or the export is one of hashes."""
    if found.canary.kind not in _HASHABLE and name not in HASHED_NAMES:
        return False
    return (mode == "hashed" and "pii:masked" in held) or (mode == "full" and "pii:full" in held)
