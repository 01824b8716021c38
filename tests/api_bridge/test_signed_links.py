"""Links as S3 takes them: for one object, one method, minutes, and whoever holds the bridge's key.

The bucket checks each of them after the description of AWS (RELIABILITY.md S12); moto checks none.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests

from api_bridge.settings import MAX_LINK_SECONDS
from export_platform.local.s3.signature import Credentials
from resources.object_store import ObjectStore
from tests.api_bridge.bench import Answer, Bench, running_bench
from tests.api_bridge.strict_bucket import StrictBucket, serving_bucket
from tests.api_bridge.toys import TOYS
from tests.fakes.object_store import FakeObjectStore

CONTENT = b"guest_id,tier\r\n1,gold\r\n"
OTHER = "exports/somebody-else.csv"
PAIR = Credentials(key_id="AKIDTEMPORARY", secret="its-secret", token="its/session+token==")
KEYS = [
    "exports/guests/v2/part-00001.csv.gz",
    "exports/a b+c&d=e?f#g%2F.csv",
    "exports/ä/日本/🎪.csv",
    "exports//twice.csv",
]


class Signing(FakeObjectStore):
    """A bucket in memory whose links are made by the real door."""

    def __init__(self, door: ObjectStore) -> None:
        """Start empty."""
        super().__init__()
        self.door = door

    def sign(self, key: str, *, seconds: int, filename: str) -> str:
        """Return the link of the door."""
        return self.door.sign(key, seconds=seconds, filename=filename)


@pytest.fixture(scope="module")
def strict_bucket() -> Iterator[StrictBucket]:
    """The bucket, with a file of somebody else."""
    with serving_bucket(StrictBucket(credentials=PAIR)) as bucket:
        bucket.objects[f"exports/{OTHER}"] = b"not yours"
        yield bucket


@pytest.fixture(scope="module")
def module_bench(
    tmp_path_factory: pytest.TempPathFactory, strict_bucket: StrictBucket
) -> Iterator[Bench]:
    """A bridge with the credentials of a role: temporary, as a task has them in production."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", PAIR.key_id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", PAIR.secret)
        patch.setenv("AWS_SESSION_TOKEN", PAIR.token)
        address = f"http://127.0.0.1:{strict_bucket.port}"
        door = ObjectStore(bucket="exports", endpoint_url=address)
        folder = tmp_path_factory.mktemp("bridge")
        with running_bench(folder, TOYS, objects=Signing(door)) as bench:
            yield bench
        door.close()


@pytest.fixture
def bucket(strict_bucket: StrictBucket) -> StrictBucket:
    """The bucket as it is in good times."""
    strict_bucket.ahead, strict_bucket.strict = timedelta(), True
    return strict_bucket


def click(bench: Bench, export_id: str) -> Answer:
    """Fetch the first file of an export."""
    return bench.call("GET", f"/v1/exports/{export_id}/files/1")


def clicked(bench: Bench, bucket: StrictBucket, key: str = KEYS[0], **finished: Any) -> str:
    """The link to a stored file, as the bridge's redirect gives it."""
    export_id = bench.finish(bench.create(), **finished)
    result = bench.document(export_id)["result"]
    files = [{**result["files"][0], "key": key}]
    bench.plant(export_id, result={**result, "files": files})
    bucket.objects[f"exports/{key}"] = CONTENT
    answer = click(bench, export_id)
    assert answer.status == 303
    return answer.headers["Location"]


def fetched(link: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Status and bytes of what a link gives."""
    answer = requests.request(method, link, headers=headers, timeout=5)
    return answer.status_code, answer.content


@pytest.mark.parametrize("key", KEYS)
def test_a_redirect_leads_to_the_bytes_of_the_file(
    bench: Bench, bucket: StrictBucket, key: str
) -> None:
    """Whatever stands in a key: the link is for that object, under a harmless name."""
    answer = requests.get(clicked(bench, bucket, key), timeout=5)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="guests-')
    assert answer.headers["Cache-Control"] == "private, no-store"


FORGERIES = {
    "another object": (KEYS[0], OTHER),
    "a folder": (f"/{KEYS[0]}", ""),
    "another bucket": ("/exports/exports/", "/lake/exports/"),
    "a longer life": ("X-Amz-Expires=600", "X-Amz-Expires=604800"),
    "a later beginning": ("X-Amz-Date=2", "X-Amz-Date=3"),
    "another name": ("filename", "filenama"),
    "another cache": ("no-store", "public"),
    "another header in the answer": ("&X-Amz-Alg", "&response-content-type=a&X-Amz-Alg"),
    "another key pair": (PAIR.key_id, "AKIDSOMEBODY"),
    "another session": ("its%2Fsession", "own%2Fsession"),
    "no session": ("X-Amz-Security-Token", "X-Amz-Security-Taken"),
    "another region": ("us-east-1", "eu-west-1"),
    "another service": ("%2Fs3%2F", "%2Fsts%2F"),
    "a header that need not be signed": ("SignedHeaders=host", "SignedHeaders=accept"),
    "another signature": ("X-Amz-Signature=", "X-Amz-Signature=0"),
    "no signature": ("X-Amz-Signature=", "Signature="),
    "nothing but the address": ("?", "#"),
}


@pytest.mark.parametrize(("old", "new"), FORGERIES.values(), ids=FORGERIES)
def test_a_changed_link_opens_nothing(
    bench: Bench, bucket: StrictBucket, old: str, new: str
) -> None:
    """A link is for one object and one time; nothing in it may be changed by who holds it."""
    link = clicked(bench, bucket)
    assert old in link

    status, body = fetched(link.replace(old, new, 1))

    assert status in (400, 403)
    assert b"<Error>" in body
    assert CONTENT not in body
    assert fetched(link) == (200, CONTENT)


def test_without_a_check_of_signatures_a_changed_link_would_open_another_object(
    bench: Bench, bucket: StrictBucket
) -> None:
    """The negative control: what the tests above see is the signature and nothing else."""
    link = clicked(bench, bucket)
    bucket.strict, bucket.ahead = False, timedelta(days=1)

    assert fetched(link.replace(KEYS[0], OTHER)) == (200, b"not yours")
    assert fetched(link.replace("X-Amz-Signature=", "X-Amz-Signature=0")) == (200, CONTENT)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "POST", "DELETE"])
def test_a_link_is_for_reading_only(bench: Bench, bucket: StrictBucket, method: str) -> None:
    """Who may download a file must not be able to replace or remove it."""
    assert fetched(clicked(bench, bucket), method)[0] == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Amz-Acl", "public-read"), ("X-Amz-Security-Token", "x"), ("Host", "else.invalid")],
)
def test_a_header_that_was_not_signed_is_refused(
    bench: Bench, bucket: StrictBucket, name: str, value: str
) -> None:
    """A link cannot be made to mean more with a header, and is for one host."""
    assert fetched(clicked(bench, bucket), **{name: value})[0] == 403


@pytest.mark.parametrize(("late", "status"), [(590, 200), (605, 403)])
def test_a_link_ends_after_ten_minutes(
    bench: Bench, bucket: StrictBucket, late: float, status: int
) -> None:
    """A forwarded mail must not open the file next week."""
    link = clicked(bench, bucket)
    bucket.ahead = timedelta(seconds=late)

    assert fetched(link)[0] == status


def test_a_bucket_whose_clock_is_behind_takes_no_link_of_the_future(
    bench: Bench, bucket: StrictBucket
) -> None:
    """S3 allows a quarter of an hour between two clocks."""
    link = clicked(bench, bucket)
    bucket.ahead = timedelta(minutes=-16)

    assert fetched(link)[0] == 403


@pytest.mark.parametrize(
    ("retention", "passed", "seconds"),
    [(86_400 * 400, 0, MAX_LINK_SECONDS), (3600, 0, 600), (600, 1, 599), (60, 30, 30), (60, 59, 1)],
)
def test_the_bridge_signs_for_the_file_alone_and_never_for_longer_than_it_may(
    bench: Bench, bucket: StrictBucket, retention: float, passed: float, seconds: int
) -> None:
    """Read from the link itself: the object, the life, and the least that must be signed."""
    export_id = bench.finish(bench.create(), retention=retention)
    bench.clock.advance(passed)
    key = bench.document(export_id)["result"]["files"][0]["key"]

    parts = urlsplit(click(bench, export_id).headers["Location"])

    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert (parts.hostname, parts.port) == ("127.0.0.1", bucket.port)
    assert unquote(parts.path) == f"/exports/{key}"
    assert int(query["X-Amz-Expires"]) == seconds <= 600
    assert "host" in query["X-Amz-SignedHeaders"].split(";")
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert PAIR.secret not in parts.query


def test_a_link_of_a_bridge_with_another_secret_is_refused(
    bench: Bench, bucket: StrictBucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The id of a key is public; the secret is what counts."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", PAIR.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guessed")
    monkeypatch.setenv("AWS_SESSION_TOKEN", PAIR.token)
    address = f"http://127.0.0.1:{bucket.port}"
    forger = Signing(ObjectStore(bucket="exports", endpoint_url=address))
    with running_bench(tmp_path, TOYS, objects=forger) as forging:
        link = clicked(forging, bucket)
    forger.door.close()

    assert fetched(link)[0] == 403
    assert fetched(clicked(bench, bucket)) == (200, CONTENT)
