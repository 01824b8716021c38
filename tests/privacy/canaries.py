"""The hand-written pack with a canary in every personal field, and the class of each canary.

The classes stand here by source field, written from DOMAIN.md 2 and 7.0 and not from the columns of
the catalogue: a column that is declared too public shows a canary that it may not show. What is no
canary is named as public in `public.py`, so that no field of a source is forgotten.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

import bson

from export_platform.local.seed.basis.dataset import Slice
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.tiny.campaigns import QUESTIONS
from export_platform.local.seed.tiny.pack import TinyPack

QUASI, PSEUDONYM, DIRECT, RESTRICTED, SECRET, CODE, NEVER = "Q", "I", "D", "R", "S", "S:code", "X"

# What a field is, and how its canary must look to be taken for a real value.
_ENTRY: Final[Mapping[str, tuple[str, str]]] = {
    "contact.email": (DIRECT, "email"),
    "contact.emailNormalized": (DIRECT, "normalized"),
    "contact.emailSha256": (DIRECT, "digest"),
    "contact.firstName": (DIRECT, "name"),
    "contact.lastName": (DIRECT, "name"),
    "contact.city": (QUASI, "text"),
    "contact.region": (QUASI, "text"),
    "contact.postalCode": (QUASI, "postal"),
    "contact.phone.e164": (DIRECT, "phone"),
    "contact.phone.raw": (NEVER, "text"),
    "contact.twitter": (NEVER, "text"),
    "timeZone": (QUASI, "text"),
    "referral.code": (PSEUDONYM, "text"),
    "risk.score": (RESTRICTED, "score"),
    "risk.reasons": (RESTRICTED, "text"),
    "risk.override.by": (RESTRICTED, "text"),
    "device.ip": (DIRECT, "ip"),
    "device.userAgent": (NEVER, "text"),
    "device.fingerprint": (NEVER, "text"),
    "consents.evidenceId": (PSEUDONYM, "text"),
    "statusLog.by": (NEVER, "text"),
    # Of the first forms: the number as typed is all there is, and is repaired to E.164.
    "email": (DIRECT, "email"),
    "name": (DIRECT, "name"),
    "phone": (DIRECT, "phone"),
}
_USER: Final[Mapping[str, tuple[str, str]]] = {
    "email": (DIRECT, "email"),
    "emailNormalized": (DIRECT, "normalized"),
    "firstName": (DIRECT, "name"),
    "lastName": (DIRECT, "name"),
    "phone.e164": (DIRECT, "phone"),
    "postalCode": (QUASI, "postal"),
    "history.ordersLifetime": (QUASI, "number"),
    "history.ordersArtist": (QUASI, "number"),
    "accountId": (PSEUDONYM, "as it is"),
}
_OTHERS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "campaigns": {"createdBy": (NEVER, "text")},
    "promoters": {"delivery.notifyEmails": (NEVER, "email")},
    "markets": {},
    "scoring": {
        "by": (RESTRICTED, "text"),
        "reason": (RESTRICTED, "text"),
        "acceptedBy": (NEVER, "text"),
    },
}
_LAKE: Final[Mapping[str, tuple[str, str]]] = {
    "entry_id": (PSEUDONYM, "as it is"),
    "user_id": (PSEUDONYM, "as it is"),
    "account_id": (PSEUDONYM, "as it is"),
    "subscriber_key": (PSEUDONYM, "as it is"),
    "code_id": (PSEUDONYM, "as it is"),
    "session_id": (PSEUDONYM, "text"),
    "order_id": (PSEUDONYM, "text"),
    "visit_id": (PSEUDONYM, "text"),
    "redemption_id": (PSEUDONYM, "text"),
    "evidence_id": (PSEUDONYM, "text"),
    "referrer": (NEVER, "text"),
    "reasons": (RESTRICTED, "text"),
    "device_cluster": (RESTRICTED, "text"),
    # All that is left of an erased fan: the hash stands for the address.
    "email_sha256": (DIRECT, "sha256"),
}
_QUESTION_CLASS: Final = {str(one["key"]): str(one["pii"]) for one in QUESTIONS}
_TEXT_QUESTIONS: Final = ("text", "membership")
_OPTIONS_OR_WORDS: Final = {
    str(one["key"]) for one in QUESTIONS if one["type"] not in _TEXT_QUESTIONS
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A value that is nowhere else.

    Attributes:
        value: As it stands in the source.
        cls: Its class, or `NEVER` for a field that no export has.
        path: Where it was planted.
        kind: How it looks.
    """

    value: str
    cls: str
    path: str
    kind: str


@dataclass(slots=True)
class Planter:
    """Gives each value of a field its canary: equal values get equal ones, so that joins hold."""

    canaries: dict[str, Canary] = field(default_factory=dict)
    _given: dict[tuple[str, str], Any] = field(default_factory=dict)

    def put(self, value: Any, cls: str, kind: str, path: str) -> Any:
        """The canary in place of a value; nothing stays nothing."""
        if value is None or value in ("", []):
            return value
        if isinstance(value, list):
            return [self.put(one, cls, kind, path) for one in value]
        key = str(value).strip().casefold() if kind in ("email", "normalized") else str(value)
        family = {"normalized": "email"}.get(kind, kind)
        # A number of a handset and a text of one field are told apart; ids are joined by value.
        told_apart = family not in ("email", "phone", "ip")
        space = f"{family}:{path.rpartition('.')[2]}" if told_apart else family
        space = "evidence" if "vidence" in path else space
        made = self._given.get((space, key))
        if made is None:
            made = _made(kind, value, path, len(self._given))
            self._given[(space, key)] = made
            if kind != "digest":
                self._keep(Canary(value=str(made), cls=cls, path=path, kind=family))
        return made.lower() if kind == "normalized" else made

    def _keep(self, canary: Canary) -> None:
        self.canaries[canary.value] = canary
        domain = canary.value.partition("@")[2].lower()
        if canary.kind == "email" and domain:
            cls = QUASI if canary.cls == DIRECT else canary.cls
            self.canaries[domain] = replace(canary, value=domain, cls=cls, kind="domain")


# Area codes of the North American plan whose 555-01xx numbers are kept for fiction.
_AREAS: Final = (212, 213, 305, 312, 323, 347, 404, 415, 512, 602, 617, 646, 702, 713, 718, 917)


def _made(kind: str, value: Any, path: str, number: int) -> Any:
    name = re.sub(r"[^a-z]", "", path.casefold())[-8:]
    makers: Mapping[str, Callable[[], Any]] = {
        "email": lambda: _mailbox(value, number),
        "normalized": lambda: _mailbox(value, number),
        "phone": lambda: f"+1{_AREAS[number // 100 % len(_AREAS)]}55501{number % 100:02d}",
        "name": lambda: f"Zq7N\N{LATIN SMALL LETTER E WITH ACUTE}{name}{number:04d}",
        "postal": lambda: f"K{number // 100 % 10}X {number // 10 % 10}Z{number % 10}",
        "score": lambda: float(f"0.7{number:04d}9"),
        "ip": lambda: _host(value, number),
        "as it is": lambda: value,
        "sha256": lambda: value,
        "code": lambda: f"ZQ7CODE{number:04d}",
        "number": lambda: 770_000_000_000 + number,
    }
    return makers.get(kind, lambda: f"zq7{name}{number:04d}")()


def _mailbox(value: object, number: int) -> str:
    domain = f"@D{number:04d}.Canary.example" if "@" in str(value) else ""
    return f"Zq7Mail{number:04d}{domain}"


def _host(value: object, number: int) -> str:
    """An address in a network of its own: networks are shown too."""
    if ":" in str(value):
        return f"2001:db8:{0x7000 + number:x}::7"
    return f"198.{18 + number // 256}.{number % 256}.77"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Everything that an export may read, with canaries in it."""

    documents: Mapping[str, tuple[bytes, ...]]
    slices: tuple[Slice, ...]
    codes: Mapping[str, list[Mapping[str, Any]]]
    scores: Mapping[str, Mapping[str, bytes]]
    canaries: tuple[Canary, ...]


@cache
def planted() -> Planted:
    """The pack, planted once."""
    pack, planter, ledger = TinyPack(), Planter(), Ledger()
    files = dict(_score_files(pack, planter))
    documents: dict[str, list[bytes]] = {}
    for batch in pack.documents(ledger):
        kept = documents.setdefault(batch.collection, [])
        for raw in batch.documents:
            document: dict[str, Any] = bson.decode(raw, bson.CodecOptions(tz_aware=True))
            kept.append(bson.encode(_document(batch.collection, document, planter, files)))
    codes = {str(b.campaign_id): [_code(i, planter) for i in b.items] for b in pack.codes(ledger)}
    slices = tuple(_slice(piece, planter) for piece in pack.slices(ledger))
    return Planted(
        documents={name: tuple(kept) for name, kept in documents.items()},
        slices=slices,
        codes=codes,
        scores={
            bucket: {key: body for (b, key), body in files.items() if b == bucket}
            for bucket in ("internal", "vf")
        },
        canaries=tuple(planter.canaries.values()),
    )


def _document(
    collection: str,
    document: dict[str, Any],
    planter: Planter,
    files: Mapping[tuple[str, str], bytes],
) -> dict[str, Any]:
    fields = {"entries": _ENTRY, "users": _USER}.get(collection) or _OTHERS.get(collection, {})
    made: dict[str, Any] = _walked(document, "", fields, planter)
    if collection == "users":
        planter.put(str(document["_id"]), PSEUDONYM, "as it is", "_id")
    if collection == "entries":
        planter.put(str(document["_id"]), PSEUDONYM, "as it is", "_id")
        contact = made.get("contact") or {}
        if contact.get("emailSha256"):
            normalized = str(contact["emailNormalized"]).encode()
            contact["emailSha256"] = hashlib.sha256(normalized).hexdigest()
        made["answers"] = [_answer(one, planter) for one in made.get("answers") or []]
    _promise(made, files)
    return made


def _walked(value: Any, path: str, fields: Mapping[str, tuple[str, str]], planter: Planter) -> Any:
    if path in fields and not isinstance(value, Mapping):
        cls, kind = fields[path]
        if kind == "phone" and not any(sign.isdigit() for sign in str(value)):
            return value
        return planter.put(value, cls, kind, path)
    if isinstance(value, Mapping):
        return {
            name: _walked(one, f"{path}.{name}".lstrip("."), fields, planter)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_walked(one, path, fields, planter) for one in value]
    return value


def _answer(answer: dict[str, Any], planter: Planter) -> dict[str, Any]:
    """An answer in words or of a number; what is picked from the form stays."""
    key, value = str(answer["key"]), answer.get("value")
    cls = _QUESTION_CLASS.get(key, SECRET)
    if key == "fan_since" and isinstance(value, int | float):
        return {**answer, "value": planter.put(value, QUASI, "number", f"answers.{key}")}
    if key in _OPTIONS_OR_WORDS or not isinstance(value, str | int) or isinstance(value, bool):
        return answer
    return {**answer, "value": planter.put(value, cls, "text", f"answers.{key}")}


def _code(item: Mapping[str, Any], planter: Planter) -> Mapping[str, Any]:
    planter.put(item.get("codeId"), PSEUDONYM, "as it is", "codeId")
    if "value" not in item:
        return dict(item)
    return {**item, "value": planter.put(item["value"], CODE, "code", "value")}


def _slice(piece: Slice, planter: Planter) -> Slice:
    columns = dict(piece.columns)
    for name, (cls, kind) in _LAKE.items():
        if name in columns:
            columns[name] = [planter.put(v, cls, kind, f"A.{name}") for v in columns[name]]
    return replace(piece, columns=columns)


# --- the files of the scoring providers ---------------------------------------------------------


def _score_files(pack: TinyPack, planter: Planter) -> Iterator[tuple[tuple[str, str], bytes]]:
    """The files with other reasons and clusters; manifests that promise the bytes as they are."""
    bodies: dict[str, bytes] = {}
    for one in pack.objects(Ledger()):
        bucket = "vf" if one.bucket == "vf-scoring" else "internal"
        body, folder = one.body, one.key.rpartition("/")[0]
        if one.key.endswith(".csv.gz"):
            body = bodies[folder] = _zipped(_lines(gzip.decompress(body).decode(), planter))
        elif one.key.endswith(".jsonl.gz"):
            body = _zipped(_answers(gzip.decompress(body).decode(), planter))
        elif one.key.endswith("manifest.json"):
            body = _promised(json.loads(body), bodies[folder])
        yield (bucket, one.key), body


def _lines(text: str, planter: Planter) -> Iterable[str]:
    header, *rows = text.splitlines()
    yield header
    for row in rows:
        entry_id, score, *others, reasons = row.split(",")
        number = planter.put(score, RESTRICTED, "score", "SF.score")
        named = planter.put(reasons.split("|") if reasons else [], RESTRICTED, "text", "A.reasons")
        yield ",".join([entry_id, str(number), *others, "|".join(named)])


def _answers(text: str, planter: Planter) -> Iterable[str]:
    for line in text.splitlines():
        answer = json.loads(line)
        answer["reasons"] = planter.put(answer["reasons"], RESTRICTED, "text", "A.reasons")
        answer["cluster"] = planter.put(answer["cluster"], RESTRICTED, "text", "A.device_cluster")
        yield json.dumps(answer)


def _zipped(lines: Iterable[str]) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def _promised(manifest: dict[str, Any], body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    manifest["files"][0] |= {"bytes": len(body), "sha256": digest}
    manifest["sha256"] = hashlib.sha256(digest.encode()).hexdigest()
    return json.dumps(manifest).encode()


def _promise(document: dict[str, Any], files: Mapping[tuple[str, str], bytes]) -> None:
    """The digest of its files in the document of a run of our own model."""
    key = (document.get("output") or {}).get("manifestKey")
    if document.get("kind") == "run" and key:
        document["output"]["sha256"] = json.loads(files["internal", key])["sha256"]
