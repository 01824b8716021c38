"""How botocore's errors become ours, and what bounds a call."""

import hashlib
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore import exceptions

from resources.aws import (
    MAX_ATTEMPTS,
    _loader,
    aws_errors,
    classify,
    client,
    may_have_happened,
    preload,
)
from resources.errors import AlreadyExists, DoorError, Refused, Unavailable
from resources.part_buffers import Body
from resources.s3_object import S3Object

SECRET = "https://bucket.example/key?X-Amz-Signature=canary&email=zoe@example.com"
PLACE = {"endpoint_url": SECRET, "proxy_url": SECRET, "error": SECRET}


def answered(status: int, code: str = "", *, retries: int = 0) -> exceptions.ClientError:
    """Return what botocore raises for an answer that is a refusal."""
    response: Any = {
        "Error": {"Code": code, "Message": SECRET},
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": retries},
    }
    return exceptions.ClientError(response, "AnyOperation")


@pytest.mark.parametrize(
    ("error", "family", "code"),
    [
        (answered(503, "SlowDown"), Unavailable, "S3_THROTTLED"),
        (answered(429), Unavailable, "S3_THROTTLED"),
        (answered(400, "ThrottlingException"), Unavailable, "S3_THROTTLED"),
        (answered(400, "TooManyRequestsException"), Unavailable, "S3_THROTTLED"),
        (answered(500, "InternalError"), Unavailable, "S3_UNAVAILABLE"),
        (answered(400, "InternalServerException"), Unavailable, "S3_UNAVAILABLE"),
        (answered(502), Unavailable, "S3_UNAVAILABLE"),
        (answered(400, "RequestTimeout"), Unavailable, "S3_UNAVAILABLE"),
        (answered(400, "ExpiredToken"), Unavailable, "S3_AUTH_EXPIRED"),
        (answered(403, "RequestTimeTooSkewed"), Unavailable, "S3_CLOCK_SKEW"),
        (answered(409, "ConditionalRequestConflict"), Unavailable, "S3_CONFLICT"),
        (answered(412, "PreconditionFailed"), AlreadyExists, "S3_EXISTS"),
        (answered(403, "AccessDenied"), Refused, "S3_FORBIDDEN"),
        (answered(403, "SignatureDoesNotMatch"), Refused, "S3_FORBIDDEN"),
        (answered(403, "KMS.DisabledException"), Refused, "S3_FORBIDDEN"),
        (answered(404, "NoSuchBucket"), Refused, "S3_MISSING"),
        (answered(400, "InvalidRequestException"), Refused, "S3_REFUSED"),
        (exceptions.EndpointConnectionError(**PLACE), Unavailable, "S3_UNREACHABLE"),
        (exceptions.ConnectionClosedError(**PLACE), Unavailable, "S3_UNREACHABLE"),
        (exceptions.ResponseStreamingError(**PLACE), Unavailable, "S3_UNREACHABLE"),
        (
            exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
            Unavailable,
            "S3_UNREACHABLE",
        ),
        (exceptions.ConnectTimeoutError(**PLACE), Unavailable, "S3_TIMEOUT"),
        (exceptions.ReadTimeoutError(**PLACE), Unavailable, "S3_TIMEOUT"),
        (
            exceptions.CredentialRetrievalError(provider="x", error_msg=SECRET),
            Unavailable,
            "S3_AUTH_EXPIRED",
        ),
        (exceptions.NoCredentialsError(), Refused, "S3_REFUSED"),
        (exceptions.ParamValidationError(report=SECRET), Refused, "S3_REFUSED"),
    ],
)
def test_an_error_of_aws_says_whether_to_try_again(
    error: Exception, family: type[DoorError], code: str
) -> None:
    """Athena answers 400 to everything, S3 403 to a wrong clock: the status alone misleads."""
    ours = classify(error, "S3", "store a thing")

    assert type(ours) is family
    assert (ours.code, ours.attempted) == (code, "store a thing")


def test_every_error_of_botocore_has_a_family() -> None:
    """One that slips through unclassified would fail an export with a signed link in its text."""
    kinds = list(_descendants(exceptions.BotoCoreError))
    for kind in kinds:
        error = kind.__new__(kind)
        with pytest.raises(DoorError), aws_errors("S3", "try"):
            raise error
    assert len(kinds) > 50


def test_nothing_of_the_vendors_text_is_shown() -> None:
    """Dagster keeps error texts and stacks for ever, for anyone to read."""
    for failure in (answered(400, "Odd"), exceptions.ReadTimeoutError(**PLACE)):
        try:
            with aws_errors("S3", "store a thing"):
                raise failure
        except DoorError as error:
            shown = "".join(traceback.format_exception(error)) + repr(error)
        assert "canary" not in shown
        assert "zoe@example.com" not in shown


@pytest.mark.parametrize(
    ("error", "unsure"),
    [
        (answered(412), False),
        (answered(403), False),
        (answered(412, retries=1), True),
        (answered(404, "NoSuchUpload", retries=2), True),
        (answered(500), True),
        (exceptions.ReadTimeoutError(**PLACE), True),
        (exceptions.ConnectionClosedError(**PLACE), True),
    ],
)
def test_a_failed_write_may_have_happened(error: Exception, unsure: bool) -> None:
    """The answer can be lost after the write; a refused first try certainly did nothing."""
    assert may_have_happened(error) is unsure


@pytest.mark.parametrize("service", ["s3", "athena"])
def test_every_call_is_bounded_and_trusts_no_proxy(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call without limits is a hang; a proxy from the environment would see every file."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")

    made = client(service, region="us-east-1", endpoint_url="http://127.0.0.1:1")

    config = made.meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 30)
    assert config.retries["total_max_attempts"] == MAX_ATTEMPTS
    assert config.retries["mode"] == "standard"
    assert config.proxies == {}
    made.close()


def _descendants(kind: type[Exception]) -> Iterator[type[Exception]]:
    for one in kind.__subclasses__():
        if one.__module__ == "botocore.exceptions":
            yield one
            yield from _descendants(one)


def test_clients_share_what_botocore_reads_from_its_files_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run makes two clients; each would read the files anew."""
    made = []
    for key in ("first", "second", "third"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key)
        made.append(client("s3", region="us-east-1", endpoint_url="http://127.0.0.1:9"))
    models = {id(each.meta.service_model.metadata) for each in made}
    keys = [each._request_signer._credentials.access_key for each in made]

    assert len(models) == 1
    assert keys == ["first", "second", "third"]


def test_sessions_do_not_pile_up_places_to_look_in() -> None:
    """boto3 adds its folder to the loader of every session, and ours is one."""
    for _ in range(5):
        client("s3", region="us-east-1", endpoint_url="http://127.0.0.1:9")

    assert len(_loader().search_paths) <= len(set(_loader().search_paths)) + 1


def test_what_is_made_beforehand_looks_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made before a fork, in a process that has no credentials, or a profile that is none."""
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-this")

    preload()


class _Sent(Exception):
    """A request that would go out now."""


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(lambda there, body: there.put(body, {}), id="put"),
        pytest.param(
            lambda there, body: there.send("upload", 1, Body([memoryview(body)], len(body))),
            id="part",
        ),
    ],
)
def test_the_signature_covers_the_digest_of_what_is_sent(
    monkeypatch: pytest.MonkeyPatch, send: Callable[[S3Object, bytearray], object]
) -> None:
    """Who changed the body on its way would have to sign another digest."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    made = client("s3", region="us-east-1", endpoint_url="http://127.0.0.1:9")

    def stop(request: Any, **_: object) -> None:
        raise _Sent(request.headers)

    made.meta.events.register("before-send.s3", stop)
    with pytest.raises(_Sent) as sent:
        send(S3Object(connect=lambda: made, bucket="bucket", key="key"), bytearray(b"a row"))
    (headers,) = sent.value.args
    digest = b64encode(hashlib.sha256(b"a row").digest()).decode()

    assert _text(headers["x-amz-checksum-sha256"]) == digest
    assert "x-amz-checksum-sha256" in _text(headers["Authorization"]).partition("SignedHeaders=")[2]


def _text(header: str | bytes) -> str:
    return header.decode() if isinstance(header, bytes) else header
