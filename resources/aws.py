"""What the two AWS doors share: how a client is made, and what its errors mean.

boto3 and botocore are imported inside the functions: importing them takes a third of a second that
a run which needs neither should not pay (DAGSTER.md, heavy imports).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from resources.errors import AlreadyExists, DoorError, Refused, Unavailable

# Eight tries with botocore's own back-off outlast nine answers of 503 in a row; five did not
# (RELIABILITY.md M16).
MAX_ATTEMPTS = 8
CONNECT_SECONDS = 5
READ_SECONDS = 30

# Error codes of S3 and Athena whose meaning their HTTP status does not tell. Athena answers 400 to
# all of them.
THROTTLED = frozenset(
    {
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "LimitExceededException",
    }
)
EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
)
SKEWED = frozenset({"RequestTimeTooSkewed", "InvalidSignatureTime"})
BROKEN = frozenset(
    {"InternalError", "InternalServerException", "ServiceUnavailable", "RequestTimeout"}
)

TRANSIENT_CODES: dict[str, str] = {
    **dict.fromkeys(THROTTLED, "THROTTLED"),
    **dict.fromkeys(EXPIRED, "AUTH_EXPIRED"),
    **dict.fromkeys(SKEWED, "CLOCK_SKEW"),
    **dict.fromkeys(BROKEN, "UNAVAILABLE"),
}
REFUSED_STATUSES: dict[int, str] = {401: "FORBIDDEN", 403: "FORBIDDEN", 404: "MISSING"}

SERVER_ERROR = 500
TOO_MANY_REQUESTS = 429
CONFLICT = 409
PRECONDITION_FAILED = 412


def client(service: str, *, region: str, endpoint_url: str | None, connections: int = 10) -> Any:
    """Return a client with bounded calls; credentials come from the process's own chain.

    Args:
        service: ``s3`` or ``athena``.
        region: AWS region; it is part of every signature.
        endpoint_url: Another server than AWS; buckets are then addressed by path.
        connections: Most connections at once.
    """
    import boto3  # noqa: PLC0415 - heavy
    from botocore.config import Config  # noqa: PLC0415 - heavy

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
        signature_version="s3v4" if service == "s3" else None,
        # The SHA-256 of an object or a part is a header (`s3_object.py`) that is signed, and S3
        # compares it; botocore would make it once more to sign the body, 0.5 s a GB. What completes
        # an upload has none; the checksum of all parts, which S3 answers, is compared.
        s3={
            "addressing_style": "path" if endpoint_url else "auto",
            "payload_signing_enabled": False,
        },
        # We send SHA-256 where it counts and read back what we wrote; the default CRC would come on
        # top.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # As our other doors say who asks; botocore makes its own text twice for each call.
        user_agent="export-platform",
        # An empty mapping, unlike None, keeps botocore from trusting HTTP_PROXY of the environment.
        proxies={},
    )
    # Credentials are looked up here, which may mean a call to the machine's own metadata service.
    with aws_errors(service.upper(), f"open a client of {service}"):
        session = boto3.session.Session(region_name=region, botocore_session=_session())
        return session.client(service, endpoint_url=endpoint_url, config=config)


def preload() -> None:
    """Make a client of S3, so that a process that is forked has all that clients are made of.

    It has the credentials of nobody and is asked for nothing that it would have to send. Where none
    can be made, whoever needs one hears why.
    """
    import boto3  # noqa: PLC0415 - heavy

    nobody = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
    with suppress(*botocore_errors()):
        session = boto3.session.Session(region_name="us-east-1", botocore_session=_session())
        made = session.client("s3", **nobody)
        for name in ("list_objects_v2", "list_multipart_uploads", "list_parts"):
            made.get_paginator(name)
        made.close()


def _session() -> Any:
    """A session with credentials of its own, and with what botocore's files say of the services."""
    from botocore.session import Session  # noqa: PLC0415 - heavy

    session, loader = Session(), _loader()
    # boto3 adds its own to each session.
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)
    session.register_component("data_loader", loader)
    return session


@cache
def _loader() -> Any:
    """What a process has read of them: a client takes 15 ms of CPU, where 120 with a new one."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - heavy

    return create_loader()


@contextmanager
def aws_errors(service: str, attempted: str) -> Iterator[None]:
    """Raise our errors instead of botocore's inside the block.

    Args:
        service: First word of the codes: ``S3`` or ``ATHENA``.
        attempted: What was attempted, in words.

    Raises:
        Unavailable: Throttled, 5xx, no or slow answer, expired credentials, clock skew, a conflict.
        AlreadyExists: A conditional write found the place taken (412).
        Refused: Anything else.
    """
    try:
        yield
    except botocore_errors() as error:
        raise classify(error, service, attempted) from None


def botocore_errors() -> tuple[type[Exception], ...]:
    """Return the two roots of everything that botocore raises."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - heavy

    return (BotoCoreError, ClientError)


def may_have_happened(error: Exception) -> bool:
    """Say whether a write that failed may have been done all the same.

    A clear refusal of the first try means that nothing was done. A refusal of a repeated one (412
    "taken", or "no such upload") may be the echo of our own first try, whose answer was lost; and
    an answer that never came, or a 5xx, says nothing.
    """
    answer = answer_of(error)
    if answer is None:
        return True
    repeated = answer.get("RetryAttempts", 0) > 0
    return bool(repeated or answer.get("HTTPStatusCode", 0) >= SERVER_ERROR)


def answer_of(error: Exception) -> Any:
    """Return what the server said beside its refusal; None when it did not answer at all."""
    # A time-out also has a `response`, which is always None.
    return (getattr(error, "response", None) or {}).get("ResponseMetadata")


def classify(error: Exception, service: str, attempted: str) -> DoorError:
    """Turn a botocore error into ours; its text, which holds addresses and ids, is dropped."""
    from botocore import exceptions  # noqa: PLC0415 - heavy

    if isinstance(error, exceptions.ClientError):
        return _classify_answer(error.response, service, attempted)
    unreached = (
        exceptions.ConnectionError,
        exceptions.HTTPClientError,
        exceptions.IncompleteReadError,
    )
    if isinstance(error, exceptions.ConnectTimeoutError | exceptions.ReadTimeoutError):
        return Unavailable(f"{service}_TIMEOUT", attempted)
    if isinstance(error, unreached):
        return Unavailable(f"{service}_UNREACHABLE", attempted)
    if isinstance(error, exceptions.CredentialRetrievalError):
        return Unavailable(f"{service}_AUTH_EXPIRED", attempted)
    return Refused(f"{service}_REFUSED", attempted)


def _classify_answer(answer: Any, service: str, attempted: str) -> DoorError:
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in TRANSIENT_CODES:
        return Unavailable(f"{service}_{TRANSIENT_CODES[code]}", attempted)
    if status == PRECONDITION_FAILED or code == "PreconditionFailed":
        return AlreadyExists(f"{service}_EXISTS", attempted)
    if status == CONFLICT:
        return Unavailable(f"{service}_CONFLICT", attempted)
    if status == TOO_MANY_REQUESTS:
        return Unavailable(f"{service}_THROTTLED", attempted)
    if status >= SERVER_ERROR:
        return Unavailable(f"{service}_UNAVAILABLE", attempted)
    return Refused(f"{service}_{REFUSED_STATUSES.get(status, 'REFUSED')}", attempted)
