"""Everything wrong that can live in MongoDB (DOMAIN.md 10.3, 10.4): a name and a change each.

A change works on the document before it is encoded. What no driver would encode is marked by a
text of the same length, which `poison.encode` replaces in the bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import neg
from typing import Any, Final

from bson import Binary, Decimal128, Int64
from bson.datetime_ms import DatetimeMS

from export_platform.local.seed.basis.identifiers import Kind, object_id
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.sized import poison

Change = Callable[[Any, int], None]

CARRIERS: Final = 2
EVERY: Final = 3
"""Two entries of three in a nasty campaign carry one anomaly each: 20 of a class in 5,000."""

UNKNOWN_MARKET: Final = object_id(Kind.MARKET, 2, 0xFFFF, campaign=1)
UNKNOWN_PROMOTER: Final = object_id(Kind.PROMOTER, 2, 0xFFFF, campaign=1)

_FORMULA: Final = "1+1+cmd|' /C calc'!A0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """One class of the ledger; `user` names what is wrong with the fan's account, if anything."""

    name: str
    change: Change
    version: int = 3
    user: str | None = None


def _leave(document: Any, number: int) -> None:
    """Nothing is wrong with the entry itself."""


def _set(path: str, value: object) -> Change:
    """Write a value at a dotted path; the parents exist in every document of today's shape."""
    *parents, last = path.split(".")

    def change(document: Any, number: int) -> None:
        del number
        for name in parents:
            document = document[name] if document.get(name) else document.setdefault(name, {})
        document[last] = value

    return change


def _drop(name: str) -> Change:
    def change(document: Any, number: int) -> None:
        del number
        document.pop(name, None)

    return change


def _all(*changes: Change) -> Change:
    def change(document: Any, number: int) -> None:
        for each in changes:
            each(document, number)

    return change


def _waits(change: Change) -> Change:
    """The change, on an entry that is on the waiting list (at a place nobody else has)."""

    def changed(document: Any, number: int) -> None:
        document["status"] = "waitlisted"
        market = document["preferences"][0]["marketId"]
        document["waitlist"] = {"marketId": market, "position": 1_000_000 + number}
        change(document, number)

    return changed


def _place(form: Callable[[int], object]) -> Change:
    """The own place in another form: no two may stand at the same one (DOMAIN.md 11.4)."""

    def change(document: Any, number: int) -> None:
        document["waitlist"]["position"] = form(1_000_000 + number)

    return change


def _ranks(*ranks: int | None) -> Change:
    """As many preferences as ranks, going round the ones that are there."""

    def change(document: Any, number: int) -> None:
        del number
        present = document["preferences"]
        wishes = [dict(present[place % len(present)]) for place in range(len(ranks))]
        for wish, rank in zip(wishes, ranks, strict=True):
            wish.pop("rank", None)
            if rank is not None:
                wish["rank"] = rank
        document["preferences"] = wishes

    return change


def _market(value: object) -> Change:
    def change(document: Any, number: int) -> None:
        del number
        document["preferences"] = [{"marketId": value, "rank": 1, "eventIds": []}]

    return change


def _cancelled(document: Any, number: int) -> None:
    """Point the first wish at the cancelled market, which is always the last."""
    market = document["preferences"][0]["marketId"]
    cancelled = object_id(Kind.MARKET, 2, 11, campaign=1)
    document["preferences"][0]["marketId"] = cancelled if market != cancelled else market
    del number


def _erased(document: Any, number: int) -> None:
    del number
    document["status"] = "erased"
    document["contact"] = dict.fromkeys(document["contact"])
    document["erasure"] = {
        "requestedAt": at("2026-03-14T10:00:00Z"),
        "completedAt": at("2026-03-15T10:00:00Z"),
        "scope": "all",
    }


def _deep(document: Any, number: int) -> None:
    """90 levels: under MongoDB's limit of 100."""
    del number
    nested: dict[str, object] = {"end": True}
    for _ in range(90):
        nested = {"n": nested}
    document["debug"] = nested


def _consent(**fields: object) -> Change:
    def change(document: Any, number: int) -> None:
        given = {
            "key": "promoter_email",
            "promoterId": object_id(Kind.PROMOTER, 2, 0, campaign=1),
            "granted": True,
            "at": at("2026-03-04T00:00:00Z"),
            "textVersion": "2026-02-01",
            "locale": "en-US",
            "source": "form",
            "evidenceId": f"ev_n{number}",
        }
        document["consents"] = [given | fields]

    return change


def _phone(**fields: object) -> Change:
    def change(document: Any, number: int) -> None:
        base = {"e164": f"+12125550{100 + number % 100}", "lineType": "mobile", "verifiedAt": None}
        document["contact"]["phone"] = base | fields

    return change


def _answer(key: str, value: object) -> Change:
    def change(document: Any, number: int) -> None:
        del number
        document["answers"] = [{"key": key, "version": 1, "value": value}]

    return change


_FIRST: Final = "contact.firstName"
_LAST: Final = "contact.lastName"

_TEXTS: Final[Mapping[str, Change]] = {
    "formula_equals": _set(_FIRST, f"={_FORMULA}"),
    "formula_plus": _set(_LAST, f"+{_FORMULA}"),
    "formula_minus": _set(_FIRST, f"-{_FORMULA}"),
    "formula_at": _set(_LAST, f"@{_FORMULA}"),
    "formula_tab": _set(_FIRST, f"\t={_FORMULA}"),
    "formula_cr": _set(_FIRST, f"\r={_FORMULA}"),
    "formula_lf": _set(_LAST, f"\n={_FORMULA}"),
    "formula_space": _set(_FIRST, f" ={_FORMULA}"),
    "formula_no_break_space": _set(_FIRST, f"\u00a0={_FORMULA}"),
    "formula_zero_width": _set(_LAST, f"\u200b={_FORMULA}"),
    "formula_byte_order_mark": _set(_FIRST, f"\ufeff={_FORMULA}"),
    "formula_full_width": _set(_LAST, f"\uff1d{_FORMULA}"),
    "formula_in_city": _set("contact.city", f"\uff0b\uff0d\uff20{_FORMULA}"),
    "formula_in_source": _set("attribution", {"source": f"={_FORMULA}", "medium": "@x"}),
    "payload_after_quote_comma": _set(_LAST, f'x",={_FORMULA}'),
    "crlf_in_name": _set(_FIRST, "Two\r\nLines"),
    "lf_in_name": _set(_LAST, "One\nFeed"),
    "nul_in_name": _set(_FIRST, "Nu\x00l"),
    "line_separator_in_name": _set(_LAST, "Line\u2028Separator\u2029Paragraph"),
    "controls_in_name": _set(_FIRST, "Esc\x1b[31m\x7f\x85"),
    "direction_controls": _set(_LAST, "\u202egnp.exe\u202c\u2066x\u2069"),
    "quotes_and_commas": _set(_LAST, '"Smith", "Jr.", \'III\''),
    "number_like_name": _set(_FIRST, "1E10"),
    "long_digits_name": _set(_LAST, "0012345678901234567"),
    "word_true_name": _set(_FIRST, "TRUE"),
    "long_name": _set(_LAST, "\U0001f3b8" * 90),
    "pipe_in_text": _set("attribution", {"source": "a|b", "medium": "c|d", "campaign": "|"}),
    "long_answer": _answer("favourite_song", "lang " * 8_000),
    "multi_line_answer": _answer("favourite_song", "one\ntwo\r\nthree"),
}

_SHAPES: Final[Mapping[str, Change]] = {
    "preferences_null": _set("preferences", None),
    "preferences_missing": _drop("preferences"),
    "ranks_missing": _ranks(None, None),
    "ranks_repeated": _ranks(1, 1, 2),
    "too_many_preferences": _ranks(1, 2, 3, 4, 5),
    "unknown_market": _market(UNKNOWN_MARKET),
    "cancelled_market": _cancelled,
    "answers_null": _set("answers", None),
    "unknown_answer": _answer("shoe_size", 43),
    "retired_answer": _answer("old_poll", "yes"),
    "wrong_answer_type": _answer("fan_since", ["1999"]),
    "contact_unknown_keys": _set("contact.twitter", "@nobody"),
    "timeline_fold_first": _set("createdAt", at("2025-11-02T05:30:00Z")),
    "timeline_fold_second": _set("createdAt", at("2025-11-02T06:30:00Z")),
    "leap_day": _set("createdAt", at("2024-02-29T12:00:00Z")),
    "before_1970": _set("createdAt", at("1969-12-31T23:59:58.500Z")),
    "withdrawn_consent": _consent(withdrawnAt=at("2026-03-09T00:00:00Z")),
    "consent_without_text": _consent(textVersion=None, evidenceId=None),
    "consent_too_old": _consent(at=at("2019-03-04T00:00:00Z")),
    "consent_unknown_promoter": _consent(promoterId=UNKNOWN_PROMOTER),
    "phone_landline": _phone(lineType="landline", verifiedAt=at("2026-03-03T15:00:00Z")),
    "phone_extension": _phone(e164=None, raw="(212) 555-0147 ext. 9"),
    "phone_old_mexican": _phone(e164="+5215555550147"),
    "phone_not_e164": _phone(e164="212-555-0147"),
    "email_invalid": _set("contact.email", "not-an-address"),
    "email_idn": _set("contact.email", "fan@b\u00fccher.test"),
    "email_formula": _set("contact.email", "=1+1@example.com"),
    "locale_underscore": _set("locale", "en_us"),
    "locale_foreign": _set("locale", "tlh"),
    "status_unknown": _set("status", "on_hold"),
    "erased": _erased,
    "deleted": _set("deletedAt", at("2026-03-12T12:00:00Z")),
    "non_current": _set("isCurrent", False),
    "withdrawn": _all(
        _waits(_set("status", "withdrawn")), _set("withdrawnAt", at("2026-03-12T08:00:00Z"))
    ),
}

_WRONG_TYPES: Final[Mapping[str, Change]] = {
    "contact_is_text": _set("contact", "Zoe <zoe@example.com>"),
    "name_is_number": _set(_FIRST, 42),
    "name_is_binary": _set(_LAST, Binary(b"\x00\xff\xfe")),
    "email_is_list": _set("contact.email", ["a@example.com", "b@example.com"]),
    "phone_is_text": _set("contact.phone", "+12125550147"),
    "country_is_number": _set("contact.countryCode", 840),
    "locale_is_number": _set("locale", 1033),
    "status_is_number": _set("status", 3),
    "preferences_is_document": _set("preferences", {"0": {"rank": 1}}),
    "consents_is_text": _set("consents", "Y"),
    "user_is_text": _set("userId", "not-an-id"),
    "created_is_text": _set("createdAt", "2026-03-04T10:00:00.000Z"),
    "created_is_number": _set("createdAt", Int64(1_772_618_400_000)),
    "created_is_null": _set("createdAt", None),
    "created_is_missing": _drop("createdAt"),
    "updated_is_text": _set("updatedAt", "yesterday"),
    "points_is_decimal": _set("boost", {"points": Decimal128("40.5"), "activities": []}),
    "points_is_huge": _set("boost", {"points": Int64(2**62), "activities": []}),
    "score_is_not_a_number": _set("risk", {"score": float("nan"), "band": "A"}),
    "score_is_infinite": _set("risk", {"score": float("inf"), "band": "A"}),
    "score_is_text": _set("risk", {"score": "0.93", "band": "A"}),
    "position_is_text": _waits(_place(str)),
    "position_is_double": _waits(_set("waitlist.position", 17.5)),
    "position_is_negative": _waits(_place(neg)),
    "position_is_null": _waits(_set("waitlist.position", None)),
}

_POISON: Final[Mapping[str, Change]] = {
    "utf8_broken_in_name": _set(_FIRST, poison.BROKEN),
    "utf8_broken_in_email": _set("contact.email", poison.BROKEN),
    "utf8_broken_on_list": _waits(_set(_LAST, poison.BROKEN)),
    "utf8_broken_in_key": _set(poison.BROKEN, 1),
    "surrogate_in_name": _waits(_set(_LAST, poison.SURROGATE)),
    "utf8_overlong_in_name": _set(_FIRST, poison.OVERLONG),
    "key_twice": _set(poison.TWICE, "second@example.com"),
    "created_beyond_9999": _set("createdAt", DatetimeMS(253_402_300_800_000)),
    "created_in_year_0": _set("createdAt", DatetimeMS(-62_198_755_200_000)),
    "created_at_the_end_of_time": _set("createdAt", DatetimeMS(2**63 - 1)),
    "updated_beyond_9999": _set("updatedAt", DatetimeMS(253_402_300_800_000)),
    "promoted_beyond_9999": _waits(_set("waitlist.promotedAt", DatetimeMS(253_402_300_800_000))),
    "nested_90_deep": _deep,
}

_USERS: Final = (
    *("missing", "erased", "employee", "press", "vip_test", "blocked"),
    *("merged_twice", "merged_six_times", "merged_in_a_circle"),
)

_LEGACY: Final[Mapping[str, Change]] = {
    "v1_no_version": _drop("schemaVersion"),
    "v1_unmatched_market": _set("market", "Atlantis"),
    "v1_single_name": _set("name", "Prince"),
    "v1_no_name": _drop("name"),
    "v1_unparseable_phone": _set("phone", "call my mother"),
    "v1_before_1970": _set("created", Int64(-1_500)),
    "v1_created_is_text": _set("created", "1520000000000"),
    "v1_status_unknown": _set("status", "pending"),
    "v1_created_is_missing": _drop("created"),
    "v2_no_markets": _set("markets", []),
    "v2_unknown_market": _set("markets", [UNKNOWN_MARKET]),
    "v2_score_100": _set("risk", {"score": 100}),
    "v2_score_text": _set("risk", {"score": "87"}),
    "v2_created_is_date": _set("createdAt", at("2020-05-05T05:05:05Z")),
    "v2_created_is_nonsense": _set("createdAt", "05/05/2020"),
    "v2_user_is_nonsense": _set("userId", "guest"),
}


def _tells(step: int) -> Change:
    """Name the entry so many places on as the one who told the fan; 0 is the fan's own."""

    def change(document: Any, number: int) -> None:
        told_by = object_id(Kind.ENTRY, 2, number + step, campaign=1)
        document["referral"] = {"code": f"R{number:07d}", "referredBy": told_by, "signups": 1}

    return change


def _twice(document: Any, number: int) -> None:
    """Agreed, and withdrew in a second, later consent to the same promoter."""
    _consent()(document, number)
    first = document["consents"][0]
    later = {"granted": False, "at": at("2026-03-09T00:00:00Z"), "evidenceId": f"ev_m{number}"}
    document["consents"] = [first, first | later]


def _selected(market: object) -> Change:
    def change(document: Any, number: int) -> None:
        document["status"] = "selected"
        document.pop("waitlist", None)
        document["selection"] = {
            "outcome": "selected",
            "marketId": market,
            "eventId": "2A001F000001",
            "wave": 1,
            "drawRank": 5_000_000 + number,
            "batchId": "b1",
            "decidedAt": at("2026-03-11T13:02:41Z"),
        }

    return change


def _code(**fields: object) -> Change:
    def change(document: Any, number: int) -> None:
        market = document["preferences"][0]["marketId"]
        held = {
            "codeId": f"c0de0002-0001-4000-8fff-{number:012x}",
            "codeConfigKey": "presale",
            "marketId": market,
            "seq": 1,
            "state": "sent",
            "assignedAt": at("2026-03-12T18:00:00Z"),
            "sentAt": at("2026-03-12T22:00:00Z"),
            "channel": "sms",
        }
        document["codes"] = [held | fields]

    return change


_SUSPENDED: Final = object_id(Kind.PROMOTER, 2, 2, campaign=1)
_EXPIRED: Final = object_id(Kind.PROMOTER, 2, 3, campaign=1)

# In pairs with the next, so that "there" and "back" fall on neighbours: see `CLASSES`.
_LOOPS: Final[Mapping[str, Change]] = {
    "referral_loop_there": _tells(1),
    "referral_loop_back": _tells(-1),
}

_MORE: Final[Mapping[str, Change]] = {
    "referral_to_itself": _tells(0),
    "referral_unknown": _tells(1 << 40),
    "formula_in_region": _set("contact.region", f"@{_FORMULA}"),
    "formula_in_postal_code": _set("contact.postalCode", f"={_FORMULA}"),
    "formula_in_zone": _set("timeZone", f"={_FORMULA}"),
    "formula_in_answer": _answer("favourite_song", f"\u2003={_FORMULA}"),
    "formula_in_membership": _answer("club_no", f"-{_FORMULA}"),
    "formula_in_unknown_answer": _answer("=shoe_size", f"={_FORMULA}"),
    "formula_in_agent": _set("device", {"ip": "192.0.2.1", "userAgent": f"+{_FORMULA}"}),
    "formula_in_medium": _set("attribution", {"source": "x", "medium": f"\uff20{_FORMULA}"}),
    "formula_in_utm_campaign": _set("attribution", {"source": "x", "campaign": f"={_FORMULA}"}),
    "formula_in_referral_code": _set("referral", {"code": f"={_FORMULA}", "signups": 0}),
    "contact_in_answer": _answer("favourite_song", "call +12125550100 or fan@example.com"),
    "pipe_in_answer": _answer("days", ["a|b", "fri"]),
    "repeated_answer": _set("answers", [{"key": "fan_since", "version": 1, "value": 1999}] * 2),
    "old_version_answer": _set("answers", [{"key": "fan_since", "version": 0, "value": "long"}]),
    "empty_texts": _all(_set(_FIRST, ""), _set(_LAST, ""), _set("contact.city", "")),
    "email_shared": _set("contact.email", "family@example.com"),
    "phone_shared": _phone(e164="+12125550100", verifiedAt=at("2026-03-03T15:00:00Z")),
    "phone_verified_is_text": _phone(verifiedAt="yes"),
    "timeline_gap_before": _set("createdAt", at("2026-03-08T06:59:59.999Z")),
    "timeline_gap_after": _set("createdAt", at("2026-03-08T07:00:00Z")),
    "leap_day_last_second": _set("createdAt", at("2024-02-29T23:59:59.999Z")),
    "consent_unknown_text": _consent(textVersion="1999-01-01"),
    "consent_not_answered": _consent(granted=None),
    "consent_later_refused": _twice,
    "consent_suspended_promoter": _consent(promoterId=_SUSPENDED),
    "consent_expired_promoter": _consent(promoterId=_EXPIRED),
    "selected_elsewhere": _selected(UNKNOWN_MARKET),
    "code_unknown_to_service": _code(),
    "code_state_unknown": _code(state="burnt"),
    "boost_unknown_activity": _set(
        "boost", {"points": 5, "activities": [{"key": "hum", "count": 1, "lastAt": None}]}
    ),
}


def _today(changes: Mapping[str, Change]) -> tuple[Anomaly, ...]:
    return tuple(Anomaly(name=name, change=change) for name, change in changes.items())


CLASSES: Final[tuple[Anomaly, ...]] = (
    *_today(_TEXTS),
    *_today(_SHAPES),
    *_today(_WRONG_TYPES),
    *_today(_POISON),
    *(Anomaly(name=f"user_{name}", change=_leave, user=name) for name in _USERS),
    *(
        Anomaly(name=name, change=change, version=int(name[1]))  # "v1_…", "v2_…"
        for name, change in _LEGACY.items()
    ),
    *_today(_LOOPS),  # at an even position of an even number: two neighbours in every round
    *_today(_MORE),
)
"""In the order in which entries take their turns; adding one moves the others, and the pack."""

POISONED: Final = frozenset(_POISON)
"""Classes of which a document cannot be decoded, or only with care."""

NOT_UTF8: Final = frozenset(name for name in _POISON if name.startswith(("utf8", "surrogate")))
"""Classes of which a text is no UTF-8: MongoDB stores them, a stricter server refuses them."""

MISTYPED: Final = frozenset(_WRONG_TYPES)
"""Classes of which one field has a type that its column cannot hold."""
