"""Old documents written again by hand as v3 ones that say the same (DOMAIN.md 2.9).

It repeats the table of the page, and shares nothing with `assets/steps/upcast.py`. What cannot be
read is carried over as it is: then neither of the two has a row.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import ObjectId

Document = dict[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STATUSES: Final = {
    "standby": "waitlisted",
    "waitlist": "waitlisted",
    "confirmed": "selected",
    "winner": "selected",
    "denied": "rejected",
}
_EXTENSION: Final = re.compile(r"\s*(ext\.?|x)\s*\d+$")


def is_old(document: Mapping[str, Any]) -> bool:
    """Whether a document is of v1 or v2; one without a version is of v1."""
    return document.get("schemaVersion") != 3


def twin(document: Mapping[str, Any], markets: Mapping[str, ObjectId]) -> Document:
    """The v3 document that says what an old one says.

    Args:
        document: Of v1 or v2.
        markets: Market ids by their name in lower case.
    """
    new = (
        _of_v2(dict(document))
        if document.get("schemaVersion") == 2
        else _of_v1(dict(document), markets)
    )
    status = str(new.get("status"))
    new["status"] = _STATUSES.get(status, status)
    return {**new, "schemaVersion": 3}


def _of_v1(old: Document, markets: Mapping[str, ObjectId]) -> Document:
    first, _, last = (old.pop("name", None) or "").strip().rpartition(" ")
    email, market = old.pop("email", None), markets.get((old.pop("market", None) or "").lower())
    contact = {
        "email": email,
        "emailNormalized": email and email.strip().lower(),
        "firstName": (first or last).strip() or None,
        "lastName": last if first else None,
        "phone": {"e164": _e164(old.pop("phone", None))},
    }
    agreed = old.pop("optin", None) in ("Y", "true", 1, True)
    return {
        **old,
        "contact": contact,
        "preferences": [{"marketId": market, "rank": 1, "eventIds": []}] if market else [],
        "consents": [{"key": "promoter_email", "granted": True}] if agreed else [],
        "createdAt": _instant(old.pop("created", None)),
        "withdrawnAt": _instant(old.pop("withdrawnAt", None)),
    }


def _of_v2(old: Document) -> Document:
    contact = dict(old.pop("contact"))
    contact["phone"] = {"e164": _e164((contact.get("phone") or {}).get("raw"))}
    agreed, risk = old.pop("optIns", {}).get("promoter"), old.pop("risk", None)
    user = old.pop("userId")
    return {
        **old,
        "contact": contact,
        "userId": ObjectId(user) if ObjectId.is_valid(user) else None,
        "preferences": [
            {"marketId": market, "rank": rank, "eventIds": []}
            for rank, market in enumerate(old.pop("markets"), start=1)
        ],
        "consents": [{"key": "promoter_email", "granted": True}] if agreed else [],
        **({"risk": {"score": int(risk["score"]) / 100}} if risk else {}),
        "createdAt": _instant(old.pop("createdAt")),
        "updatedAt": _instant(old.pop("updatedAt")),
        "withdrawnAt": _instant(old.pop("withdrawnAt", None)),
    }


def _instant(stored: object) -> object:
    if isinstance(stored, int):
        return _EPOCH + timedelta(milliseconds=stored)
    try:
        moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    except ValueError:
        return stored
    if isinstance(moment, datetime) and moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment


def _e164(raw: str | None) -> str | None:
    digits = re.sub(r"[\s().-]", "", _EXTENSION.sub("", raw or ""))
    if re.fullmatch(r"\+\d{8,15}", digits):
        return digits
    return f"+1{digits}" if re.fullmatch(r"\d{10}", digits) else None
