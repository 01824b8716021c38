"""Makes what the invariants ask of: each export, again, sent, with an erasure, of old forms."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection

from assets import files, reading
from assets.exports.catalog import CATALOG
from assets.life import Document
from assets.model.delivery import Destination
from assets.model.failure import ExportFailed
from export_platform.local.seed.catalog import sized_pack
from export_platform.local.seed.sized.anomalies import CLASSES
from export_platform.local.seed.sized.pack import SizedPack
from export_platform.local.services.extensions import put_data_extensions
from resources.entries_service import EntriesService
from resources.wiring import environment
from tests.export_platform.seed.made import Made
from tests.invariants import ground, legacy
from tests.invariants.exports import Export
from tests.invariants.house import (
    EVER,
    EVERYBODY,
    OPT_INS,
    SNAPSHOT,
    House,
    Params,
    asks,
    house,
    opened_house,
)
from tests.invariants.told import Erased, Sent, Told

# Workers that make exports at the same time.
_BESIDE: Final = 2
# What an erasure between the two checks comes after, and the delivery before.
_ERASED_AT: Final = SNAPSHOT + timedelta(seconds=5)
# What Marketing Cloud is sent, where that is not what the kind is asked for anyway.
_TO_SFMC: Final[Mapping[str, Params]] = {"suppression": EVER, "waitlist": {"dialect": "sfmc"}}
# To a promoter, to a table, and with rows beside the main ones.
_ONE_A_WAY: Final = (OPT_INS, "reminder-email", "code-sms")
# Kinds whose rows say nothing that differs from export to export, and are made of entries alone.
_OF_ENTRIES: Final[Mapping[str, Params]] = {
    "entries": EVERYBODY,
    "waitlist": {},
    "market-demand": {},
    "scoring-input": {},
}


def told(env: Mapping[str, str], name: str, entries: int | None) -> Told:
    """Load a pack, make everything of it, and take it away again."""
    pack, whole = sized_pack(name, entries=entries), entries is None
    made = Made(pack, broken_text=False)
    campaign = next(iter(pack.campaigns))
    with house(env, pack) as there:
        ids, exports = _everything(there, campaign, _asks(made, whole=whole))
        return Told(
            name=name,
            campaign=campaign,
            made=made,
            counted=_counted(there, pack, campaign),
            exports=exports,
            again=_again(there, {kind: ids[kind] for kind in CATALOG}),
            sent=_sent(there, campaign, exports, _mailed(whole=whole)),
            erased=_erased(there, campaign, made, exports, _rechecked(whole=whole)),
            upcast=_upcast(env, campaign, made),
        )


def _asks(made: Made, *, whole: bool) -> dict[str, tuple[str, Params]]:
    _, user = next(_plain(made))
    return asks(ground.partners(made), str(user["accountId"]), whole=whole)


def _everything(
    there: House, campaign: str, wanted: Mapping[str, tuple[str, Params]]
) -> tuple[dict[str, str], dict[str, Export]]:
    ids = {name: there.ask(kind, campaign, params) for name, (kind, params) in wanted.items()}
    with ThreadPoolExecutor(_BESIDE) as threads:
        return ids, dict(zip(ids, threads.map(there.work, ids.values()), strict=True))


def _again(there: House, ids: Mapping[str, str]) -> dict[str, Export]:
    """Every kind once more: chunks of a few rows, and more workers at a time."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2 * _BESIDE) as threads:
        patch.setattr(reading, "PAGE", 211)
        patch.setattr(reading, "BATCH", 17)
        patch.setattr(files, "CHUNK", 13)
        return dict(zip(ids, threads.map(there.make_again, ids.values()), strict=True))


def _counted(there: House, pack: SizedPack, campaign: str) -> int:
    counts = there.doors.entries_service.counts(str(pack.campaigns[campaign]), SNAPSHOT, ())
    return sum(one.count for one in counts)


# --- deliveries


def _mailed(*, whole: bool) -> list[str]:
    """Kinds that go to Marketing Cloud; of a part of a pack, one a way."""
    every = [
        name
        for name, kind in CATALOG.items()
        if any(one.destination is Destination.SFMC for one in kind.deliveries)
    ]
    return every if whole else [name for name in every if name in _ONE_A_WAY]


def _sent(
    there: House, campaign: str, exports: Mapping[str, Export], kinds: Sequence[str]
) -> dict[str, Sent]:
    put_data_extensions(there.env[environment.SFMC_REST_URL])
    return {name: _sent_twice(there, name, campaign, exports[name]) for name in kinds}


def _sent_twice(there: House, kind: str, campaign: str, like: Export) -> Sent:
    earlier = len(there.deletions())
    asked = there.ask(kind, campaign, {**_TO_SFMC.get(kind, {}), "deliver": ["sfmc"]})
    _delivered(there.work, asked)
    batches = (there.document(asked)["deliveries"]["sfmc"].get("batches") or {}).values()
    deleted, before = there.deletions()[earlier:], there.received(kind)
    _delivered(there.make_again, asked)
    there.deletions()
    return Sent(
        like=like,
        rows=sum(batch["rows"] for batch in batches),
        accepted=sum(batch["accepted"] for batch in batches),
        rejected=sum(batch["rejected"] for batch in batches),
        deleted=len({key for one in deleted for key in one["keys"]}),
        before=before,
        after=there.received(kind),
    )


def _delivered(work: Callable[[str], object], export_id: str) -> None:
    """One attempt; of a nasty pack more rows are refused than an export may lose (DOMAIN.md 8.2).

    The export fails then, but only after every row was answered.
    """
    try:
        work(export_id)
    except ExportFailed as failed:
        if failed.code != "DELIVERY_REJECTED":
            raise


class Erasing(EntriesService):
    """The entries service; somebody is erased right before it is asked who was."""

    def __init__(self, env: Mapping[str, str], erase: Callable[[], None]) -> None:
        """Remember whom."""
        url, token = env[environment.ENTRIES_SERVICE_URL], env[environment.ENTRIES_SERVICE_TOKEN]
        super().__init__(base_url=url, token=token)
        self._erase = erase

    def erased_since(self, campaign_id: str, since: datetime) -> frozenset[str]:
        """The answer of the service, which knows of the erasure already."""
        self._erase()
        return super().erased_since(campaign_id, since)


def _rechecked(*, whole: bool) -> list[str]:
    """Kinds that look again for the erased before a delivery; of a part of a pack, one a way."""
    every = [
        name
        for name, kind in CATALOG.items()
        if any(one.rechecks_erasure for one in kind.deliveries)
    ]
    return every if whole else [name for name in every if name in _ONE_A_WAY]


def _erased(
    there: House, campaign: str, made: Made, exports: Mapping[str, Export], kinds: Sequence[str]
) -> dict[str, Erased]:
    return {name: _erased_between(there, name, campaign, made, exports[name]) for name in kinds}


def _erased_between(there: House, kind: str, campaign: str, made: Made, like: Export) -> Erased:
    """A delivery during which the first fan of the file is erased, and its second attempt."""
    put_data_extensions(there.env[environment.SFMC_REST_URL])
    known = set(there.doors.objects.keys("promoters/"))
    before = list(like.bodies.values())
    entry, user = _somebody(made, before)
    (way,) = CATALOG[kind].deliveries
    params = {**_TO_SFMC.get(kind, {}), "deliver": [str(way.destination)]}
    asked = there.ask(kind, campaign, params)
    with _erasable(there, entry, user) as erase:
        service = Erasing(there.env, erase)
        with pytest.raises(ExportFailed, match="ERASED_SINCE_SNAPSHOT"):
            there.work(asked, doors=replace(there.doors, entries_service=service))
        service.close()
        _delivered(there.work, asked)
    return Erased(marks=_marks(entry, user), before=before, arrived=_arrived(there, kind, known))


def _arrived(there: House, kind: str, known: set[str]) -> list[bytes]:
    if CATALOG[kind].deliveries[0].destination is Destination.SFMC:
        return [repr(row).encode() for row in there.received(kind)]
    keys = set(there.doors.objects.keys("promoters/")) - known
    return [b"".join(there.doors.objects.read(key)) for key in sorted(keys)]


def _marks(entry: Document, user: Document) -> list[bytes]:
    contact, account = entry["contact"], user["accountId"]
    texts = [contact["email"], ground.email_digest(contact["email"]), str(entry["_id"]), account]
    if contact["phone"] is not None:
        texts.append(contact["phone"]["e164"].removeprefix("+"))
    return [text.encode() for text in (*texts, account.replace("-", ""))]


def _somebody(made: Made, bodies: list[bytes]) -> tuple[Document, Document]:
    """The first fan of these files whom no other fan could be taken for."""
    marks = Counter(mark for entry, user in _plain(made) for mark in _marks(entry, user))
    for entry, user in _plain(made):
        its = _marks(entry, user)
        shown = (its[0], its[-1])  # the address and the key that mailers know
        if all(marks[mark] == 1 for mark in its) and _is_in(shown, bodies):
            return entry, user
    raise AssertionError("the files hold nobody who could be erased")


def _is_in(marks: Sequence[bytes], bodies: list[bytes]) -> bool:
    return any(mark in body for mark in marks for body in bodies)


def _plain(made: Made) -> Iterator[tuple[Document, Document]]:
    """Today's entries without an anomaly, with the accounts that they are of."""
    odd = {id_ for one in CLASSES for id_ in made.ledger[one.name].ids}
    users = {user["_id"]: user for user in made.documents("users") if not user.get("mergedInto")}
    for entry in made.documents("entries"):
        user = users.get(entry.get("userId"))
        if user is None or legacy.is_old(entry) or str(entry["_id"]) in odd:
            continue
        if isinstance(entry["contact"].get("email"), str):
            yield entry, user


@contextmanager
def _erasable(there: House, entry: Document, user: Document) -> Iterator[Callable[[], None]]:
    """What erases a fan as a privacy officer would; at the end all is as it was."""
    erasure = {"requestedAt": _ERASED_AT, "completedAt": _ERASED_AT, "scope": "all"}
    gone = {"status": "erased", "erasure": erasure, "contact": dict.fromkeys(entry["contact"])}

    def erase() -> None:
        _collection(there, "entries").update_one({"_id": entry["_id"]}, {"$set": gone})
        _collection(there, "users").update_one(
            {"_id": user["_id"]}, {"$set": {"erasure": erasure, "email": None, "phone": None}}
        )

    try:
        yield erase
    finally:
        _collection(there, "entries").replace_one({"_id": entry["_id"]}, dict(entry))
        _collection(there, "users").replace_one({"_id": user["_id"]}, dict(user))


def _collection(there: House, name: str) -> Collection[dict[str, Any]]:
    return there.database.collection(name)


# --- old forms


def _upcast(env: Mapping[str, str], campaign: str, made: Made) -> dict[str, tuple[Export, Export]]:
    """The exports of a campaign that holds old documents only, and of their twins in v3 shape."""
    old = [entry for entry in made.documents("entries") if legacy.is_old(entry)]
    (chosen,) = [one for one in made.documents("campaigns") if one["key"] == campaign]
    markets: dict[str, ObjectId] = {
        market["name"].lower(): market["_id"]
        for market in made.documents("markets")
        if market["campaignId"] == chosen["_id"]
    }
    twins = [legacy.twin(entry, markets) for entry in old]
    made_of = [
        _exports_of(env, campaign, made, entries, database)
        for entries, database in ((old, "invariants_old"), (twins, "invariants_new"))
    ]
    return {kind: (made_of[0][kind], made_of[1][kind]) for kind in _OF_ENTRIES}


def _exports_of(
    env: Mapping[str, str], campaign: str, made: Made, entries: list[dict[str, Any]], database: str
) -> dict[str, Export]:
    with MongoClient[dict[str, Any]](env[environment.MONGODB_URI]) as client:
        for name in ("campaigns", "markets", "promoters", "users"):
            client[database][name].insert_many(made.documents(name))
        client[database]["entries"].insert_many(entries)
        try:
            with opened_house({**env, environment.MONGODB_DATABASE: database}) as there:
                there.doors.mongo.ensure_indexes()
                return {kind: there.make(kind, campaign, p) for kind, p in _OF_ENTRIES.items()}
        finally:
            client.drop_database(database)
