"""Looks every 20 ms at all exports, over HTTP as a product tool and at S3, while processes die.

A result that is shown is fetched at once through the bridge, whole. What is not there, is other
than the manifest says, or changes afterwards is counted; so is a bridge that stays away, of which
nothing is known but that.
"""

import hashlib
import http.client
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import boto3

from export_platform.commands.client import BridgeClient
from export_platform.commands.terminal import CommandError
from resources.clock import SystemClock
from tests.beside import Beside

LOOK_SECONDS = 0.02
# The newest on one page: those that are live are among them, if no more than twelve are at a time.
PAGE = 20
# At the objects of one export it looks every fifth time: to list them costs as much as the page.
OBJECTS_EVERY = 5
# A bridge that was killed is back in seconds, and then the file must be there.
TRIES, REST_SECONDS = 60, 1.0
# What a client says of a bridge that is dead or busy, and not of a file.
SILENT = ("not answer", "cut short", "connection broke", "Too many requests")
CLOCK = SystemClock()

# Of a shown result: the digests of its manifest and of its files, and how many may be fetched.
Shown = tuple[str, tuple[str, ...], int]


class Onlooker(Beside):
    """One thread that looks, and two that fetch.

    Args:
        bridge_url: Whom to ask.
        token: Makes an access token; none lives longer than an hour.
        s3_url: Where objects lie.
        bucket: In which bucket.

    Attributes:
        looks: How often all exports were looked at.
        faults: By export: what was partial, what was doubled, and what the bridge did not give in
            time because it was away.
    """

    def __init__(
        self, bridge_url: str, token: Callable[[], str], *, s3_url: str, bucket: str
    ) -> None:
        super().__init__()
        self.looks = 0
        self.faults: dict[str, list[str]] = {"partial": [], "doubled": [], "away": []}
        self._token, self._url, self._bucket = token, bridge_url, bucket
        self._s3 = boto3.client("s3", endpoint_url=s3_url)
        self._shown: dict[str, Shown] = {}
        self._objects: dict[str, tuple[str, int]] = {}
        self._prefixes: dict[str, str] = {}
        self._fetching = ThreadPoolExecutor(2, thread_name_prefix="fetch")

    def __exit__(self, *_: object) -> None:
        """Look no more; what was shown is fetched to its end."""
        super().__exit__()
        self._fetching.shutdown()

    def watch(self, export_id: str, prefix: str) -> None:
        """Look at the objects of an export, too."""
        self._prefixes[export_id] = prefix

    def forget(self, export_id: str) -> None:
        """Look no more at its objects."""
        self._prefixes.pop(export_id, None)

    def _run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        headers: dict[str, str] = {}
        while not self._end.is_set():
            due = CLOCK.monotonic() + LOOK_SECONDS
            try:
                if connection is None:
                    host = self._url.removeprefix("http://")
                    connection = http.client.HTTPConnection(host, timeout=5)
                    headers = {"Authorization": f"Bearer {self._token()}"}
                connection.request("GET", f"/v1/exports?page_size={PAGE}", headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == http.client.OK:
                    self._seen(json.loads(body)["exports"])
                    self.looks += 1
                else:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException):  # the bridge is among those that die
                connection = None
            if self.looks % OBJECTS_EVERY == 0:
                self._look_at_objects()
            self._end.wait(max(0.0, due - CLOCK.monotonic()))

    def _seen(self, exports: list[Mapping[str, Any]]) -> None:
        for one in exports:
            export_id, result = str(one["id"]), one["result"]
            known = self._shown.get(export_id)
            if result is None:
                self._count("doubled", export_id, known is not None, "its result is gone")
                continue
            files = tuple(file["sha256"] for file in result["files"])
            # What is for a delivery only has no address: its manifest alone can be fetched.
            open_ = sum(file["url"] is not None for file in result["files"])
            shown = (str(result["manifest_sha256"]), files, open_)
            if known is None:
                self._shown[export_id] = shown
                self._fetching.submit(self._fetched, export_id, shown)
            else:
                self._count("doubled", export_id, known != shown, "it has another result")

    def _look_at_objects(self) -> None:
        """At those of one export, in turns: what is visible never changes."""
        if not self._prefixes:
            return
        with suppress(IndexError):
            ids = sorted(self._prefixes)
            export_id = ids[self.looks // OBJECTS_EVERY % len(ids)]
            prefix = self._prefixes.get(export_id, "-")
            found = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
            for one in found.get("Contents", ()):
                is_now = (one["ETag"], one["Size"])
                changed = self._objects.setdefault(one["Key"], is_now) != is_now
                self._count("partial", export_id, changed, f"{one['Key']} has changed")

    def _fetched(self, export_id: str, shown: Shown) -> None:
        """Fetch what is shown, as soon as it is; a bridge that is dead is asked again."""
        for _ in range(TRIES):
            try:
                with BridgeClient(self._url, self._token()) as client:
                    wrong = _wrong(client, export_id, shown)
            except CommandError as silent:
                if any(words in str(silent) for words in SILENT):
                    CLOCK.sleep(REST_SECONDS)
                    continue
                wrong = str(silent)
            self._count("partial", export_id, bool(wrong), wrong)
            return
        self._count("away", export_id, True, "the bridge did not come back")

    def _count(self, name: str, export_id: str, wrong: bool, what: str) -> None:
        if wrong:
            self.faults[name].append(f"{export_id}: {what}")


def _wrong(client: BridgeClient, export_id: str, shown: Shown) -> str:
    """What is not as the bridge shows it; empty if all of it is."""
    manifest, _ = client.manifest(export_id)
    if hashlib.sha256(manifest).hexdigest() != shown[0]:
        return "the manifest is another"
    named = tuple(file["sha256"] for file in json.loads(manifest)["files"])
    if named != shown[1]:
        return "the manifest names other files"
    for number, expected in enumerate(shown[1][: shown[2]], start=1):
        digest = hashlib.sha256()
        with client.file(export_id, number) as chunks:
            for chunk in chunks:
                digest.update(chunk)
        if digest.hexdigest() != expected:
            return f"file {number} is not what is shown"
    return ""
