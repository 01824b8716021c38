"""Signatures: a link works until it expires, for what it was signed, and for nobody else."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials as Keys
from botocore.exceptions import ClientError

from export_platform.local.s3.refusals import RefusalError
from export_platform.local.s3.signature import Credentials, verify

KEY = "exports/waitlist/ä b+c.csv"
SERVER = Credentials(key_id="local", secret="local-secret")


@pytest.fixture
def link(s3: Any) -> Iterator[str]:
    """A good link to an object with a difficult name."""
    s3.put_object(Bucket="exports", Key=KEY, Body=b"a,b\r\n")
    yield signed(s3)
    s3.delete_object(Bucket="exports", Key=KEY)


def signed(s3: Any) -> str:
    """A link as the door makes it."""
    return str(
        s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": "exports",
                "Key": KEY,
                "ResponseContentDisposition": 'attachment; filename="a b.csv"',
            },
            ExpiresIn=60,
        )
    )


def refusal(url: str) -> tuple[int, str]:
    """Status and S3 error code of a GET."""
    answer = requests.get(url, timeout=5)
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_a_good_link_gives_the_file_under_its_name(link: str) -> None:
    """The browser must get bytes and a file name, without any header of ours."""
    answer = requests.get(link, timeout=5)

    assert (answer.status_code, answer.content) == (200, b"a,b\r\n")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a b.csv"'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("waitlist", "entries"),  # another object
        ("filename", "filenama"),  # another header in the answer
        ("X-Amz-Expires=60", "X-Amz-Expires=6000"),  # a longer life
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
    ],
)
def test_a_changed_link_is_refused(link: str, old: str, new: str) -> None:
    """A link is a capability for one object and one time; nothing in it may be changed."""
    assert old in link

    assert refusal(link.replace(old, new)) == (403, "SignatureDoesNotMatch")


def test_a_link_of_an_unknown_key_is_refused(link: str) -> None:
    """A link that was signed with somebody else's key is not ours."""
    assert refusal(link.replace("Credential=local%2F", "Credential=other%2F")) == (
        403,
        "InvalidAccessKeyId",
    )


@pytest.mark.usefixtures("link")
def test_a_link_of_the_wrong_secret_is_refused(stack: Mapping[str, str]) -> None:
    """The key id is public; the secret is what counts."""
    forger = boto3.client(
        "s3",
        endpoint_url=stack["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id="local",
        aws_secret_access_key="guessed",
        config=Config(signature_version="s3v4"),
    )

    assert refusal(signed(forger)) == (403, "SignatureDoesNotMatch")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        forger.list_objects_v2(Bucket="exports")


def test_a_request_without_a_signature_is_refused(link: str) -> None:
    """Nothing is public."""
    assert refusal(link.partition("?")[0]) == (403, "AccessDenied")


def test_an_old_style_link_is_refused(stack: Mapping[str, str]) -> None:
    """Signature version 2 is not accepted by current regions, so it must not work here either."""
    old = boto3.client(
        "s3", endpoint_url=stack["AWS_ENDPOINT_URL_S3"], config=Config(signature_version="s3")
    )

    assert refusal(signed(old)) == (400, "InvalidRequest")


# The worked example of "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)"
# in the S3 API reference; key pair, object and signature are AWS's own.
DOCUMENTED = Credentials(
    key_id="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)
DOCUMENTED_QUERY = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
)


def documented(query: str = DOCUMENTED_QUERY, **changes: str) -> dict[str, Any]:
    """The WSGI variables of that example, changed."""
    asked = {"REQUEST_METHOD": "GET", "HTTP_HOST": "examplebucket.s3.amazonaws.com"}
    return {**asked, "REQUEST_URI": f"/test.txt?{query}", "QUERY_STRING": query} | changes


def test_the_worked_example_of_the_documentation_is_accepted_on_its_day_only() -> None:
    """Signer and verifier could both be wrong in the same way; a signature of AWS's own cannot."""
    day = datetime(2013, 5, 24, tzinfo=UTC)

    verify(documented(), DOCUMENTED, day)
    verify(documented(), DOCUMENTED, day + timedelta(days=1))

    for late in (timedelta(days=1, seconds=1), timedelta(minutes=-16)):
        with pytest.raises(RefusalError, match="AccessDenied"):
            verify(documented(), DOCUMENTED, day + late)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (documented(REQUEST_METHOD="PUT"), "SignatureDoesNotMatch"),
        (documented(HTTP_HOST="examplebucket.s3.eu-west-1.amazonaws.com"), "SignatureDoesNotMatch"),
        (documented(REQUEST_URI=f"/tast.txt?{DOCUMENTED_QUERY}"), "SignatureDoesNotMatch"),
        (documented(DOCUMENTED_QUERY.replace("86400", "86401")), "SignatureDoesNotMatch"),
        (documented(f"{DOCUMENTED_QUERY}&versionId=1"), "SignatureDoesNotMatch"),
        (documented(f"{DOCUMENTED_QUERY}&X-Amz-Security-Token=t"), "InvalidToken"),
        (documented(HTTP_X_AMZ_ACL="public-read"), "AccessDenied"),
        (documented(DOCUMENTED_QUERY.replace("%2Fs3%2F", "%2Fiam%2F")), "AuthorizationQuery"),
    ],
)
def test_the_worked_example_changed_in_one_place_is_refused(
    changed: dict[str, Any], code: str
) -> None:
    """Each part of the request is in what is signed."""
    with pytest.raises(RefusalError, match=code):
        verify(changed, DOCUMENTED, datetime(2013, 5, 24, 12, tzinfo=UTC))


def request_at(instant: datetime, seconds: int) -> dict[str, Any]:
    """The WSGI variables of a link for `seconds` that was signed at `instant`."""

    class At(S3SigV4QueryAuth):
        """Botocore's signer at a time of our choice."""

        def _modify_request_before_signing(self, request: Any) -> None:
            request.context["timestamp"] = instant.strftime("%Y%m%dT%H%M%SZ")
            super()._modify_request_before_signing(request)

    request = AWSRequest("GET", "http://127.0.0.1:9/exports/k")
    At(Keys("local", "local-secret"), "s3", "us-east-1", expires=seconds).add_auth(request)
    parts = urlsplit(request.url)
    return {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": f"{parts.path}?{parts.query}",
        "QUERY_STRING": parts.query,
        "HTTP_HOST": parts.netloc,
    }


def test_a_link_ends_with_its_time() -> None:
    """A forwarded mail must not open the file next week."""
    instant = datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - botocore signs with it
    environ = request_at(instant, 60)

    verify(environ, SERVER, instant + timedelta(seconds=59))
    with pytest.raises(RefusalError) as caught:
        verify(environ, SERVER, instant + timedelta(seconds=61))

    assert caught.value.status == "403 Forbidden"
    assert b"<Message>Request has expired</Message>" in caught.value.document("/exports/k")
