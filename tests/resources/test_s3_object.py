"""Writes whose answer is lost, uploads whose parts fail, reads that break off: by a scripted S3."""

import hashlib
import io
import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore import exceptions

from resources.clock import SystemClock
from resources.errors import AlreadyExists, DoorError, Refused, Unavailable
from resources.object_store import MIN_PART_BYTES, ObjectStore, Upload
from resources.s3_object import Part, S3Object, composite
from tests.fakes.clock import ManualClock
from tests.resources.test_aws import answered

LOST = exceptions.ReadTimeoutError(endpoint_url="http://x")
BODY = bytes(range(256)) * 64


@dataclass
class ScriptedS3:
    """A server of one key; ``script`` says what goes wrong with the next calls of a name."""

    body: bytes | None = None
    parts: dict[int, bytes] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    script: dict[str, list[Exception]] = field(default_factory=dict)
    # The write is done although its call fails.
    done_all_the_same: bool = False
    keeps_checksums: bool = True
    cut_after: list[int] = field(default_factory=list)

    def _call(self, name: str, write: Callable[[], None] = lambda: None) -> None:
        self.calls.append(name)
        failures = self.script.get(name, [])
        if not failures:
            write()
            return
        if self.done_all_the_same:
            write()
        raise failures.pop(0)

    def put_object(self, *, Body: bytes, Metadata: dict[str, str], **_: Any) -> Any:  # noqa: N803
        """Store."""

        def write() -> None:
            self.body, self.metadata = Body, Metadata

        self._call("put", write)
        return {"ETag": '"put"'}

    def create_multipart_upload(self, **_: Any) -> Any:
        """Start."""
        self._call("create")
        return {"UploadId": "u"}

    def upload_part(self, *, PartNumber: int, Body: Any, **_: Any) -> Any:  # noqa: N803
        """Take a part."""
        body = b"".join(iter(Body.read, b""))
        self._call("part", lambda: self.parts.__setitem__(PartNumber, body))
        return {"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'}

    def complete_multipart_upload(self, **_: Any) -> Any:
        """Join the parts."""

        def write() -> None:
            self.body = b"".join(self.parts[number] for number in sorted(self.parts))

        self._call("complete", write)
        return self._described()

    def abort_multipart_upload(self, **_: Any) -> Any:
        """Forget the parts."""
        self._call("abort", self.parts.clear)
        return {}

    def head_object(self, **_: Any) -> Any:
        """Describe."""
        self._call("head")
        if self.body is None:
            raise answered(404)
        return {**self._described(), "ContentLength": len(self.body)}

    def get_object(self, *, Range: str = "bytes=0-", **_: Any) -> Any:  # noqa: N803
        """Give the body, cut off where the script says."""
        self._call("get")
        assert self.body is not None
        rest = self.body[int(Range[6:-1]) :]
        cut = self.cut_after.pop(0) if self.cut_after else None
        return {"ETag": '"put"', "ContentLength": len(rest), "Body": CutBody(rest, cut)}

    def _described(self) -> dict[str, Any]:
        if not self.parts:
            return {"ETag": '"put"', "Metadata": self.metadata}
        digests = [hashlib.sha256(self.parts[number]) for number in sorted(self.parts)]
        tags = [hashlib.md5(one, usedforsecurity=False) for one in self.parts.values()]
        tag = hashlib.md5(b"".join(one.digest() for one in tags), usedforsecurity=False)
        whole = hashlib.sha256(b"".join(one.digest() for one in digests)).digest()
        checksum = f"{b64encode(whole).decode()}-{len(digests)}"
        described: dict[str, Any] = {"ETag": f'"{tag.hexdigest()}-{len(tags)}"', "Metadata": {}}
        return {**described, "ChecksumSHA256": checksum} if self.keeps_checksums else described


class CutBody(io.BytesIO):
    """A body that breaks off after some bytes."""

    def __init__(self, data: bytes, cut: int | None) -> None:
        super().__init__(data if cut is None else data[:cut])
        self._cut = cut

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, or break."""
        piece = super().read(size)
        if not piece and self._cut is not None:
            raise exceptions.ResponseStreamingError(error="reset")
        return piece


def _at(server: ScriptedS3) -> S3Object:
    return S3Object(connect=lambda: server, bucket="b", key="k")


def _upload(server: ScriptedS3, size: int = 3) -> Upload:
    upload = Upload(_at(server), {"ContentType": "text/csv"}, 1000, 2)
    with upload:
        upload.write(bytes(range(250)) * 4 * size + b"rest")
    return upload


@pytest.mark.parametrize(
    "failure", [LOST, answered(500), answered(503, "SlowDown"), answered(412, retries=1)]
)
def test_a_put_whose_answer_was_lost_is_done(failure: Exception) -> None:
    """The repeated try of our own write must not look like somebody else's file."""
    server = ScriptedS3(script={"put": [failure]}, done_all_the_same=True)

    stored = _at(server).put(BODY, {})

    assert stored.sha256 == hashlib.sha256(BODY).hexdigest()
    assert server.calls == ["put", "head"]


@pytest.mark.parametrize(
    ("failure", "family"),
    [(LOST, Unavailable), (answered(500), Unavailable), (answered(412, retries=1), AlreadyExists)],
)
@pytest.mark.parametrize("there", [None, b"another"])
def test_a_put_that_did_not_happen_is_not_done(
    failure: Exception, family: type[DoorError], there: bytes | None
) -> None:
    """What lies there is compared, not assumed."""
    server = ScriptedS3(body=there, script={"put": [failure]})

    with pytest.raises(family):
        _at(server).put(BODY, {})


def test_a_refused_first_try_is_not_asked_about() -> None:
    """The same bytes of another attempt are still another attempt's file."""
    server = ScriptedS3(script={"put": [answered(412)]}, done_all_the_same=True)

    with pytest.raises(AlreadyExists):
        _at(server).put(BODY, {})

    assert server.calls == ["put"]


@pytest.mark.parametrize("keeps_checksums", [True, False])
@pytest.mark.parametrize("failure", [LOST, answered(500), answered(404, "NoSuchUpload", retries=1)])
def test_a_completion_whose_answer_was_lost_is_done(
    failure: Exception, keeps_checksums: bool
) -> None:
    """The object itself is asked: same size, same digest of its parts, or the same tag."""
    server = ScriptedS3(
        script={"complete": [failure]}, done_all_the_same=True, keeps_checksums=keeps_checksums
    )

    upload = _upload(server)

    assert upload.stored is not None
    assert upload.stored.bytes == 3004
    assert server.calls[-2:] == ["complete", "head"]


@pytest.mark.parametrize("failure", [LOST, answered(503), answered(412), answered(400)])
def test_a_completion_that_did_not_happen_is_aborted(failure: Exception) -> None:
    """No file, no parts that are paid for, and the error that tells what to do."""
    server = ScriptedS3(script={"complete": [failure]})

    with pytest.raises(DoorError):
        _upload(server)

    assert server.body is None
    assert server.calls[-1] == "abort"
    assert server.parts == {}


def test_a_completion_that_left_out_a_part_is_found() -> None:
    """S3 completes an upload without its middle part if the list says so."""
    parts = [Part(number=one, etag='"x"', digest=bytes(32), bytes=1) for one in (1, 2, 3)]
    server = ScriptedS3(parts={1: b"a", 3: b"c"})

    with pytest.raises(Unavailable) as unavailable:
        _at(server).complete("u", parts, 3)

    assert unavailable.value.code == "S3_CORRUPT"


@pytest.mark.parametrize("broken", range(1, 5))
def test_a_part_that_fails_fails_the_upload(broken: int) -> None:
    """Whichever of the parts it is, the first error comes out and nothing stays."""
    fine: list[Exception] = []
    server = ScriptedS3()
    original = server.upload_part

    def upload_part(*, PartNumber: int, Body: Any, **more: Any) -> Any:  # noqa: N803
        if PartNumber == broken:
            raise answered(503, "SlowDown")
        return original(PartNumber=PartNumber, Body=Body, **more)

    server.upload_part = upload_part  # type: ignore[method-assign]
    with pytest.raises(Unavailable) as unavailable:
        _upload(server)

    assert unavailable.value.code == "S3_THROTTLED"
    assert server.calls[-1] == "abort"
    assert fine == []


def test_an_abort_that_fails_does_not_hide_why_it_was_needed() -> None:
    """The writer's own error is what must be heard."""
    server = ScriptedS3(script={"abort": [answered(500)]})

    def write_and_stop() -> None:
        with Upload(_at(server), {}, 1000, 2) as upload:
            upload.write(bytes(5000))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_stop()

    assert server.calls[-1] == "abort"


def test_an_upload_that_is_gone_is_aborted() -> None:
    """The sweep and the worker may both abort it."""
    _at(ScriptedS3(script={"abort": [answered(404, "NoSuchUpload")]})).abort("u")


class ScriptedStore(ObjectStore):
    """A store whose server is scripted."""

    def __init__(self, server: ScriptedS3, clock: ManualClock) -> None:
        super().__init__(bucket="b", clock=clock)
        self._client = server


@pytest.mark.parametrize("cuts", [[0], [1], [16383], [100, 0, 5000], [0, 0, 0, 0, 0]])
def test_a_read_that_breaks_off_is_resumed(clock: ManualClock, cuts: list[int]) -> None:
    """Botocore does not retry a broken body; a verification of 2 GB must not start again."""
    server = ScriptedS3(body=BODY, cut_after=list(cuts))

    assert b"".join(ScriptedStore(server, clock).read("k")) == BODY
    assert server.calls == ["get"] * (len(cuts) + 1)
    assert len(clock.slept) == len(cuts)


def test_a_read_that_never_gets_on_ends(clock: ManualClock) -> None:
    """Six times nothing is an outage."""
    server = ScriptedS3(body=BODY, cut_after=[7] + [0] * 6)

    with pytest.raises(Unavailable):
        list(ScriptedStore(server, clock).read("k"))

    assert clock.monotonic() < 10


def test_a_read_of_nothing_ends() -> None:
    """An empty file has no pieces."""
    assert list(ScriptedStore(ScriptedS3(body=b""), ManualClock()).read("k")) == []


class ShortParts(Upload):
    """An upload of parts that S3 would find too short."""

    @property
    def shortest(self) -> int:
        """As many as a part is meant to have."""
        return 1000


class BusyS3(ScriptedS3):
    """A server that takes its time, and knows how many bytes have arrived."""

    def __init__(self) -> None:
        super().__init__()
        self._lock, self.arrived = threading.Lock(), 0

    def upload_part(self, *, PartNumber: int, Body: Any, **more: Any) -> Any:  # noqa: N803
        """Take a part."""
        SystemClock().sleep(0.005)
        answer = super().upload_part(PartNumber=PartNumber, Body=Body, **more)
        with self._lock:
            self.arrived += len(Body)
        return answer


@pytest.mark.parametrize("every", [5, 1_000])
def test_an_upload_holds_three_parts_at_most_however_often_it_is_cut(every: int) -> None:
    """What waits for a cut included, or a large export would hold more than a small one."""
    server, written = BusyS3(), list[bytes]()
    upload = ShortParts(_at(server), {}, 1000, 2)
    upload.reserve = upload.shortest if every < 100 else 0
    with upload:
        for number in range(200):
            written.append(bytes([number]) * 380)
            upload.write(written[-1])
            assert sum(map(len, written)) - server.arrived <= 3 * 1000
            if number % every == every - 1:
                upload.cut()

    assert b"".join(server.parts[one] for one in sorted(server.parts)) == b"".join(written)
    assert (max(map(len, server.parts.values())) > 1000) is (every < 100)


def test_what_waits_for_a_cut_that_never_comes_is_put_whole() -> None:
    """A packed file may have many rows and less than two parts."""
    server, written = ScriptedS3(), b"".join(bytes([one]) * 190 for one in range(10))
    upload = ShortParts(_at(server), {}, 1000, 2)
    upload.reserve = upload.shortest
    with upload:
        upload.write(written)

    assert (server.body, server.calls) == (written, ["put"])


def test_more_parts_than_s3_allows_are_refused() -> None:
    """Rather an error at part 10,001 than one at completion, hours later."""
    server = ScriptedS3()

    def write_too_much() -> None:
        with Upload(_at(server), {}, 1, 2) as upload:
            upload.write(bytes(10_001))

    with pytest.raises(Refused) as refused:
        write_too_much()

    assert refused.value.code == "S3_TOO_LARGE"
    assert server.calls[-1] == "abort"


def test_parts_below_the_minimum_of_s3_are_not_configured() -> None:
    """S3 would refuse at completion what it took part by part."""
    with pytest.raises(ValueError, match="bytes"):
        ObjectStore(bucket="b", part_bytes=MIN_PART_BYTES - 1)


def test_the_digest_of_an_object_in_parts_counts_them() -> None:
    """Without the count, one part and the same part alone could not be told apart."""
    part = Part(number=1, etag='"x"', digest=hashlib.sha256(b"a").digest(), bytes=1)
    whole = hashlib.sha256(part.digest).digest()

    assert composite([part]) == f"{b64encode(whole).decode()}-1"
