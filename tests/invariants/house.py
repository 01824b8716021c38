"""Both packs in the embedded stack, and every export of them, made by the real pipeline.

A house is seeded once and every export is made once; what is then asked of the files costs nothing.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from pymongo import MongoClient

from assets.attempt import Attempt, Build
from assets.exports.catalog import CATALOG
from assets.life import Document, ExportLife
from assets.model.column import FormatKind, Pii
from assets.model.export_type import ExportType
from assets.model.parameters import parse
from assets.reading import Doors
from export_platform.doors import opened
from export_platform.local.seed import lake, loader
from export_platform.local.seed.asking import sample_params
from export_platform.local.seed.sized.pack import SizedPack
from export_platform.local.services.extensions import KEYS, put_data_extensions
from export_platform.settings import LOCAL_SECRET
from resources.mongo.connection import MongoConnection
from resources.wiring import environment
from tests.assets.workbench import AFTER_THE_PACK, EVERY_SCOPE
from tests.contracts import cloud
from tests.features.world import HurriedClock
from tests.invariants.exports import Export, Row, taken

SNAPSHOT: Final = AFTER_THE_PACK - timedelta(seconds=30)
# A nasty pack has rejects by design; each of them is counted, and compared with the ledger.
MOST_REJECTS: Final = 100_000
_PATIENCE: Final = 60.0  # seconds for a deletion of contacts

OPT_INS: Final = "promoter-email-opt-ins"

Params = Mapping[str, Any]

# Everybody who is there at all: rules that an option can lift are lifted.
_FLAGGED: Final[Params] = {"exclude_flags": []}
_GONE: Final[Params] = {"include_withdrawn": True, "include_duplicates": True}
_IDS: Final[Params] = {"columns": ["entry_id", "account_id", "status"]}
EVERYBODY: Final[Params] = {**_FLAGGED, **_GONE}
_ONLY_IDS: Final[Params] = {"columns": ["entry_id"]}
_ID: Final[Params] = {"columns": ["market_key", "entry_id", "account_id"]}
_VALUES: Final[Params] = {"include_unassigned": True, "reveal": True}
_CODE: Final = ("code_id", "market_key", "seq", "state", "entry_id")
# Since the first day that has a partition, so that all that was ever said counts (DOMAIN.md 7.16).
EVER: Final[Params] = {"since": "2026-01-01"}

# By name: the kind, and what is asked for beside the usual.
SPECIAL: Final[Mapping[str, tuple[str, Params]]] = {
    "entries/everybody": ("entries", EVERYBODY),
    "entries/present": ("entries", {**_FLAGGED, **_GONE, "columns": ["entry_id", "pref_count"]}),
    "entries/standing": ("entries", {**_FLAGGED, **_IDS}),
    "entries/invited": ("entries", {**_FLAGGED, **_IDS, "status_group": "invited"}),
    "entries/not-selected": ("entries", {**_FLAGGED, **_ONLY_IDS, "statuses": ["not_selected"]}),
    "entries/outcomes": ("entries", {**_FLAGGED, "columns": ["entry_id", "selection_outcome"]}),
    "waitlist/everybody": ("waitlist", {**_FLAGGED, **_ID}),
    "waitlist/places": (
        "waitlist",
        {**_FLAGGED, "columns": ["market_key", "position", "entry_id"]},
    ),
    "selected-fans/everybody": ("selected-fans", {**_FLAGGED, **_ID}),
    "codes/all": ("codes", {"all_seq": True, **_VALUES, "columns": [*_CODE, "code"]}),
    "codes/host": ("codes", {"layout": "host_upload", **_VALUES}),
    "code-redemptions/market": ("code-redemptions", {"level": "market"}),
    "scoring-input/vf": ("scoring-input", {"provider": "vf"}),
    "suppression": ("suppression", EVER),
}
_LEVELS: Final[Mapping[str, tuple[str, Params]]] = {
    f"geo-demand/{level}": ("geo-demand", {"level": level})
    for level in ("postal", "dma", "region", "country")
}
# Where fans write most: asked for in every form whatever the size of the pack.
_WIDEST: Final = ("entries", "survey-answers")
# The kinds of file that hold the same rows: text for machines, text for people, typed values; and
# what is left of them for somebody who may see nothing personal.
_PLAIN: Final[Mapping[str, Params]] = {"": {"dialect": "rfc4180"}}
_TEXTS: Final[Mapping[str, Params]] = {
    "/excel": {"dialect": "excel"},
    "/jsonl": {"format": "jsonl"},
}
_ANONYMOUS: Final[Mapping[str, Params]] = {"/anonymous": {"pii": "none"}}
_WRITTEN_BY_FANS: Final = {
    *(FormatKind.TEXT, FormatKind.MULTILINE, FormatKind.EMAIL, FormatKind.LIST, FormatKind.JSON),
}


class House:
    """The embedded stack with one pack in it, and a worker.

    Args:
        env: The variables of the stack.
        doors: Its doors.
        database: Its database.
    """

    def __init__(self, env: Mapping[str, str], doors: Doors, database: MongoConnection) -> None:
        self.env, self.doors, self.database = env, doors, database
        self.life = ExportLife(doors.mongo.exports, as_of=SNAPSHOT)

    def ask(self, kind: str, campaign: str, params: Params) -> str:
        """The id of a new export in the queue."""
        asked = {**usual(CATALOG[kind], campaign, params), **params}
        request = parse(CATALOG[kind], asked, scopes=EVERY_SCOPE)
        return str(self.life.create(request, origin="api", subject="tester")["_id"])

    def work(self, export_id: str, *, doors: Doors | None = None) -> Export:
        """One attempt; the files are read before anybody can remove them."""
        claimed = self.life.dispatch(export_id)
        assert claimed is not None
        done = self._worker(doors or self.doors).run(export_id, claimed["attempt"], run_id="run-1")
        return taken(self.doors, done.manifest)

    def make(self, kind: str, campaign: str, params: Params) -> Export:
        """An export from its request to its files."""
        return self.work(self.ask(kind, campaign, params))

    def make_again(self, export_id: str) -> Export:
        """The same export once more, as if its result had been lost.

        It keeps its id, which stands in some files and is the salt of pseudonyms in others.
        """
        lost: dict[str, object] = {
            "status": "queued",
            "result": None,
            "lease": None,
            "shipping": None,
            "deliveries": {},
        }
        changed = self.database.collection("exports").update_one({"_id": export_id}, {"$set": lost})
        assert changed.modified_count == 1
        return self.work(export_id)

    def document(self, export_id: str) -> Document:
        """The export as it is stored."""
        found = self.life.find(export_id)
        assert found is not None
        return found

    def received(self, kind: str) -> list[Row]:
        """What the data extension of a kind holds, in an order of its own."""
        rows = cloud.told(self.env, "rows", key=KEYS[kind][0])
        return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))

    def deletions(self) -> list[Mapping[str, Any]]:
        """The deletions of contacts that Marketing Cloud was asked for, once all are done."""
        until = time.monotonic() + _PATIENCE
        while True:
            found: list[Mapping[str, Any]] = cloud.told(self.env, "deletions")
            if all(one["done"] for one in found) or time.monotonic() > until:
                return found
            time.sleep(0.1)

    def _worker(self, doors: Doors) -> Attempt:
        return Attempt(
            self.life,
            doors,
            CATALOG,
            build=Build(version="0", git_sha="0"),
            clock=HurriedClock(),
            jitter=lambda: 0.0,
        )


def usual(kind: ExportType, campaign: str, params: Params) -> dict[str, Any]:
    """What every request says here: whole values, plain files, no delivery."""
    given = sample_params(kind, campaign)
    options = {o.name: params.get(o.name, given.get(o.name, o.default)) for o in kind.options}
    plain: dict[str, Any] = {"dialect": "rfc4180", "pii": "full", "compression": "none"}
    if params.get("format", "csv") != "csv":
        del plain["dialect"]
    return {
        **given,
        **plain,
        **kind.fixed(options),
        **({"deliver": []} if kind.deliveries else {}),
        "max_rejects": MOST_REJECTS,
    }


def _plain(kind: ExportType) -> Mapping[str, Params]:
    """Text as it is, or what the kind insists on."""
    return {"": {}} if _is_fixed(kind) else _PLAIN


def asks(promoters: Sequence[str], account: str, *, whole: bool) -> dict[str, tuple[str, Params]]:
    """Every export that is made, by name: its kind, and what is asked for beside the usual.

    Args:
        promoters: Keys of those that may be given anything.
        account: Of a person who asks what is known of them.
        whole: Every form of every kind; else those of the widest only.
    """
    found: dict[str, tuple[str, Params]] = {}
    for kind in CATALOG.values():
        forms = _forms(kind) if whole or kind.name in _WIDEST else _plain(kind)
        found |= {f"{kind.name}{form}": (kind.name, asked) for form, asked in forms.items()}
    others = {f"{OPT_INS}/{key}": (OPT_INS, {"promoter": key}) for key in promoters[1:]}
    person = {"subject-access": ("subject-access", {"account_id": account})}
    return {**found, **SPECIAL, **others, **person, **(_LEVELS if whole else {})}


def _forms(kind: ExportType) -> Mapping[str, Params]:
    """The forms in which a kind is asked for, as far as it leaves them to the caller."""
    if _is_fixed(kind):
        return _plain(kind)
    personal = [column for column in kind.static_columns if column.pii is not Pii.NONE]
    written = any(column.format.kind in _WRITTEN_BY_FANS for column in personal)
    return {**_PLAIN, **(_TEXTS if written else {}), **(_ANONYMOUS if personal else {})}


def _is_fixed(kind: ExportType) -> bool:
    """Whether the kind leaves the form of its files to nobody."""
    given = sample_params(kind, "a-campaign")
    options = {option.name: given.get(option.name, option.default) for option in kind.options}
    return bool(kind.fixed(options))


# --- a house


@contextmanager
def house(env: Mapping[str, str], pack: SizedPack) -> Iterator[House]:
    """A pack in the stack until the block ends."""
    put_data_extensions(env[environment.SFMC_REST_URL])
    s3 = loader.lake_client(env[environment.AWS_ENDPOINT_URL_S3])
    loader.load(
        pack,
        mongo_uri=env[environment.MONGODB_URI],
        database=env[environment.MONGODB_DATABASE],
        s3=s3,
        codes_url=env[environment.CODES_SERVICE_URL],
        codes_token=env[environment.CODES_SERVICE_TOKEN],
    )
    try:
        with opened_house(env) as made:
            yield made
    finally:
        with MongoClient[Document](env[environment.MONGODB_URI]) as client:
            client.drop_database(env[environment.MONGODB_DATABASE])
        lake.remove_pack(s3, "lake", pack.number)


@contextmanager
def opened_house(env: Mapping[str, str]) -> Iterator[House]:
    """A worker over what is in the stack."""
    name = env[environment.MONGODB_DATABASE]
    database = MongoConnection(uri=env[environment.MONGODB_URI], database=name)
    with opened(env, secret=LOCAL_SECRET.encode()) as doors:
        yield House(env, doors, database)
    database.close()
