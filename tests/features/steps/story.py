"""What has happened so far in a scenario, and what the files hold that came of it."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from threading import Thread
from typing import Any, Final
from uuid import uuid4

import pyarrow.parquet as pq

from assets.exports.catalog import CATALOG
from assets.model.manifest import Manifest
from tests.api_bridge.bench import Answer, seated
from tests.features.world import EVERY_SCOPE, World, usual_params
from tests.waiting import eventually

Row = Mapping[str, str]


@dataclass(kw_only=True)
class Story:
    """A scenario under way.

    Attributes:
        world: What it plays in.
        about: The campaign's key or the day that the next request is about.
        claims: What the caller's token says.
        headers: What the caller sends beside the token.
        bodies: What was asked for, in order.
        answer: The last answer.
        first: The id of the first export that was accepted.
    """

    world: World
    about: str = ""
    claims: dict[str, Any] = field(default_factory=lambda: {"scope": EVERY_SCOPE})
    headers: dict[str, str] = field(default_factory=lambda: {"Idempotency-Key": str(uuid4())})
    bodies: list[dict[str, Any]] = field(default_factory=list)
    answer: Answer | None = None
    first: str = ""

    def __post_init__(self) -> None:
        """See the three campaigns of the pack."""
        campaigns = ("Aurora Lights", "Boreal Nights", "Comet Club")
        self.claims["campaigns"] = ["*"]
        assert all(self.world.campaign(name) for name in campaigns)

    @property
    def token(self) -> str:
        """The caller's token."""
        return self.world.client.token(**self.claims)

    @property
    def answered(self) -> Answer:
        """The last answer."""
        assert self.answer is not None
        return self.answer

    @property
    def path(self) -> str:
        """Where the export is shown."""
        assert self.first, self.answered.raw
        return f"/v1/exports/{self.first}"

    def ask(self, kind: str, chosen: Mapping[str, Any]) -> None:
        """Ask for an export with a key of its own."""
        self.headers["Idempotency-Key"] = str(uuid4())
        self.post({"type": kind, "params": usual_params(kind, self.about, chosen)})

    def post(self, body: dict[str, Any]) -> None:
        """Ask for what a body says."""
        self.bodies.append(body)
        self.send("POST", "/v1/exports", body)
        if self.answered.status < 300 and not self.first:
            self.first = str(self.answered.body["id"])

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send one request as the caller."""
        usual = self.headers if method == "POST" else {}
        sent = list({**usual, **(headers or {})}.items())
        self.answer = self.world.call(method, path, body, token=self.token, headers=sent)

    @contextmanager
    def meanwhile(self, act: Callable[[], object]) -> Iterator[None]:
        """Let something happen as soon as the bridge knows that the block waits for it."""

        def acts() -> None:
            eventually(lambda: seated(self.world.client) > 0)
            act()

        other = Thread(target=acts)
        other.start()
        try:
            yield
        finally:
            other.join()

    def work_first(self) -> None:
        """Make the one export that somebody has asked for."""
        (asked,) = self.world.doors.mongo.exports.page({}, limit=9)
        self.world.work(asked["_id"])

    def shown(self) -> Any:
        """The export as the bridge shows it now."""
        answer = self.world.call("GET", self.path, token=self.token)
        assert answer.status == 200, answer.raw
        return answer.body

    def manifest(self) -> Manifest:
        """The manifest as the bridge gives it."""
        answer = self.world.call("GET", f"{self.path}/manifest", token=self.token)
        assert answer.status == 200, answer.raw
        return Manifest.from_document(answer.body)

    def bodies_of(self, section: str = "") -> list[bytes]:
        """The files of a section: downloaded, or from the store where nobody may download."""
        kind = self.shown()["type"].partition(".")[0]
        if not CATALOG[kind].downloadable:
            return self.world.stored(self.first, section)
        files = [file for file in self.shown()["result"]["files"] if file["section"] == section]
        return [self.world.follow(file["url"], self.token) for file in files]

    def rows(self, section: str = "") -> list[Row]:
        """The rows of a section's files, as text."""
        names = [PurePosixPath(entry.key).name for entry in self.manifest().files]
        (suffix,) = {name.removesuffix(".gz").rpartition(".")[2] for name in names}
        return [row for body in self.bodies_of(section) for row in _READERS[suffix](body)]


def _csv(body: bytes) -> list[Row]:
    text = body.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def _jsonl(body: bytes) -> list[Row]:
    return [_as_text(json.loads(line)) for line in body.splitlines()]


def _parquet(body: bytes) -> list[Row]:
    return [_as_text(row) for row in pq.read_table(io.BytesIO(body)).to_pylist()]


def _as_text(row: Mapping[str, Any]) -> Row:
    return {name: "" if value is None else str(value) for name, value in row.items()}


_READERS: Final[Mapping[str, Callable[[bytes], list[Row]]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
