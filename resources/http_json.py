"""JSON over HTTP, bounded in time, tries and bytes: what the doors to partner services share.

A partner is not trusted (OWASP API10): its answer is read up to a bound, must say that it is JSON
and be JSON, and a redirect is never followed, since it would carry the token to another host. What
is worth another try within one call is a closed set of causes (``TRIES``); the waits between them
are full jitter, or what the service asks for in ``Retry-After``.
"""

import json
import logging
import random
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from resources import tracing
from resources.clock import Clock, SystemClock
from resources.errors import DoorError, Refused, Unavailable

CONNECT_SECONDS = 5.0
# Longest silence of the service, before its answer and within it.
READ_SECONDS = 30.0
# A page of 5,000 codes is 1.5 MB; one of 300 MB is a fault (RELIABILITY.md 4.3, codes service).
MAX_BYTES = 32 * 1024 * 1024
# One call with all its tries and waits; what is worse than that is the retry of the export.
CALL_SECONDS = 120.0

# Waits between tries: full jitter over BASE * 2^n. They are short, as a person may be waiting; the
# retry of the export above them starts at 5 s.
BASE_SECONDS = 0.25
MAX_WAIT_SECONDS = 30.0

# The causes that are worth another try in the same call, and how many tries there are in all. A
# code of an error is "<SERVICE>_<CAUSE>".
TRIES: Mapping[str, int] = MappingProxyType(
    {
        "UNREACHABLE": 4,  # no connection: nothing was asked
        "BROKEN": 4,  # the connection broke after the question
        "TIMEOUT": 2,  # each may take READ_SECONDS
        "THROTTLED": 6,  # 429
        "UNAVAILABLE": 4,  # 5xx
        "NOT_JSON": 2,  # HTML of a gateway; another answer may come from another machine
    }
)
# After these the service may have done what it was asked.
UNCERTAIN = frozenset({"BROKEN", "TIMEOUT", "UNAVAILABLE", "NOT_JSON"})

REFUSED_STATUSES: Mapping[int, str] = MappingProxyType(
    {401: "FORBIDDEN", 403: "FORBIDDEN", 404: "MISSING", 409: "CONFLICT", 410: "GONE"}
)
REQUEST_TIMEOUT, TOO_MANY_REQUESTS, SERVER_ERROR = 408, 429, 500
NO_CONTENT, REDIRECTS, CLIENT_ERROR = 204, 300, 400
PIECE_BYTES = 64 * 1024

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Kind = TypeVar("Kind")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a service answered; never printed, as it holds people and codes.

    Attributes:
        status: 2xx, or one of the statuses that the call expected.
        body: The parsed JSON; None for 204 and for an empty body.
        headers: By name, in any case.
        request_id: What the call was sent with as ``X-Request-Id``.
        service: First word of the codes of errors.
        attempted: What was attempted, in words.
    """

    status: int
    body: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    request_id: str
    service: str
    attempted: str

    def member(self, name: str, kind: type[Kind]) -> Kind:
        """Return a member of the body, which must be an object that has it with this type.

        Raises:
            Unavailable: ``<SERVICE>_MALFORMED``: it has not.
        """
        value = self.body.get(name) if isinstance(self.body, dict) else None
        # bool is an int to Python; to JSON it is not.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise Unavailable(f"{self.service}_MALFORMED", self.attempted)
        return value


class JsonHttp:
    """One service at one address; calls are made from any number of threads.

    Args:
        service: First word of the codes of errors, such as ``CODES``.
        base_url: ``https://host/path``; plain http on loopback only, as a token travels along.
        token: Bearer token, or what gives one at each try; None sends none.
        clock: Waits between tries and measures.
        connect_seconds: Longest wait for a connection.
        read_seconds: Longest silence of the service.
        call_seconds: Longest call, tries and waits included; the last try is not cut off by it but
            by ``read_seconds``, unless its answer trickles.
        max_bytes: Largest answer, decompressed.
        base_seconds: The first wait between tries is up to twice as long, and each one doubles it.
        max_wait_seconds: Longest wait; a service that asks for more gets no other try in this call.
        trace_id: 32 hex digits that join the calls of this client in the traces of all services
            (W3C Trace Context), where they are not part of a run's; None makes one.
        jitter: Gives numbers from 0 up to 1.

    Raises:
        ValueError: The address is not as above.
    """

    def __init__(
        self,
        *,
        service: str,
        base_url: str,
        token: str | Callable[[], str] | None = None,
        clock: Clock | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        call_seconds: float = CALL_SECONDS,
        max_bytes: int = MAX_BYTES,
        base_seconds: float = BASE_SECONDS,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
        trace_id: str | None = None,
        jitter: Callable[[], float] = random.random,  # noqa: S311 - spreads waits, hides nothing
    ) -> None:
        """Remember where the service is; nothing is opened."""
        self._service = service
        self._base_url = _checked(base_url)
        # In a closure, so that neither the client nor its attributes print it.
        self._token = token if callable(token) or token is None else lambda: token
        self._clock = clock or SystemClock()
        self._silences = (connect_seconds, read_seconds)
        self._call_seconds = call_seconds
        self._max_bytes = max_bytes
        self._base_seconds = base_seconds
        self._max_wait_seconds = max_wait_seconds
        self._trace_id = trace_id or secrets.token_hex(16)
        self._jitter = jitter
        self._lock = threading.Lock()
        self._session: requests.Session | None = None

    def call(
        self,
        method: Method,
        path: str,
        *,
        attempted: str,
        query: Mapping[str, str | Sequence[str]] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        expected: Collection[int] = (),
        repeatable: bool = True,
    ) -> Answer:
        """Ask once, or as often as the cause of a failure allows.

        Args:
            method: HTTP method.
            path: Below the base URL, starting with ``/``; escaped by the caller.
            attempted: What is attempted, in words, for errors and logs; never a value.
            query: Parameters; a list repeats its name.
            body: What to send as JSON; None sends no body.
            headers: More headers, such as another ``Authorization``.
            expected: Statuses from 400 on that are an answer to the caller; their body is not
                looked at, so it is None where it is not JSON.
            repeatable: Whether doing it twice is the same as doing it once. If not, it is repeated
                only after failures that say that nothing was done; see ``may_have_happened``.

        Raises:
            Unavailable: No good answer within the tries: ``UNREACHABLE``, ``BROKEN``, ``TIMEOUT``,
                ``THROTTLED``, ``UNAVAILABLE``, ``NOT_JSON``.
            Refused: ``FORBIDDEN`` (401, 403), ``MISSING``, ``CONFLICT``, ``GONE``, ``REDIRECTED``,
                ``TOO_LARGE``, ``REFUSED`` (any other 4xx).
        """
        asked = _Asked(
            method=method,
            path=path,
            query=dict(query or {}),
            body=None if body is None else json.dumps(body, allow_nan=False).encode(),
            headers=dict(headers or {}),
            attempted=attempted,
            expected=frozenset(expected),
            request_id=secrets.token_hex(16),
            until=self._clock.monotonic() + self._call_seconds,
        )
        for tries in range(1, max(TRIES.values()) + 1):
            try:
                return self._try(asked)
            except _Failure as failure:
                wait = self._wait(failure, tries, asked, repeatable)
                # The id finds this call in the log of the service.
                _LOG.info(
                    "%s %s: try %d to %s ended as %s",
                    self._service, asked.request_id, tries, attempted, failure.cause,
                )  # fmt: skip
                if wait is None:
                    raise failure.error(self._service, attempted) from None
            self._clock.sleep(wait)
        raise AssertionError("every cause has a last try")

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        with self._lock:
            opened, self._session = self._session, None
        if opened is not None:
            opened.close()

    def _wait(
        self, failure: "_Failure", tries: int, asked: "_Asked", repeatable: bool
    ) -> float | None:
        """Return the seconds until the next try, or None when there is none."""
        if tries >= TRIES.get(failure.cause, 1):
            return None
        if not repeatable and failure.cause in UNCERTAIN:
            return None
        spread = min(self._base_seconds * 2**tries, self._max_wait_seconds) * self._jitter()
        wait = max(spread, failure.retry_after or 0.0)
        late = self._clock.monotonic() + wait >= asked.until
        return None if late or wait > self._max_wait_seconds else wait

    def _try(self, asked: "_Asked") -> Answer:
        try:
            answer = self._open().request(
                asked.method,
                self._base_url + asked.path,
                params=asked.query,
                data=asked.body,
                headers=self._headers(asked),
                timeout=self._silences,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            raise _Failure(_cause(error)) from None
        with answer:
            return self._judge(answer, asked)

    def _judge(self, answer: requests.Response, asked: "_Asked") -> Answer:
        status = answer.status_code
        if status >= REDIRECTS and status not in asked.expected:
            raise _refusal(status, seconds_asked(answer.headers, self._clock.now()))
        return Answer(
            status=status,
            body=self._parsed(answer, lenient=status >= CLIENT_ERROR, until=asked.until),
            headers=answer.headers,
            request_id=asked.request_id,
            service=self._service,
            attempted=asked.attempted,
        )

    def _parsed(self, answer: requests.Response, *, lenient: bool, until: float) -> Any:
        text = b"".join(self._pieces(answer, until))
        if not text and (lenient or answer.status_code == NO_CONTENT):
            return None
        try:
            if not _is_json(answer.headers.get("Content-Type", "")):
                raise _Failure("NOT_JSON")
            return _loads(text)
        except _Failure:
            if lenient:
                return None
            raise

    def _pieces(self, answer: requests.Response, until: float) -> Iterator[bytes]:
        size = 0
        # `read1` returns what has come, so that an answer of a byte a second meets the deadline.
        while piece := _read(answer):
            size += len(piece)
            if size > self._max_bytes:
                raise _Failure("TOO_LARGE")
            if self._clock.monotonic() > until:
                raise _Failure("TIMEOUT")
            yield piece

    def _headers(self, asked: "_Asked") -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "export-platform",
            "X-Request-Id": asked.request_id,
            "traceparent": tracing.current() or self._own_traceparent(),
        }
        if asked.body is not None:
            headers["Content-Type"] = "application/json"
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token()}"
        return {**headers, **asked.headers}

    def _own_traceparent(self) -> str:
        """Version 00, our trace, a span for this try, sampled (W3C Trace Context 1, 3.2)."""
        return f"00-{self._trace_id}-{secrets.token_hex(8)}-01"

    def _open(self) -> requests.Session:
        with self._lock:
            if self._session is None:
                session = requests.Session()
                # Neither a proxy nor a .netrc of the environment may see what we send.
                session.trust_env = False
                session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
                self._session = session
            return self._session


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One call, the same at every try."""

    method: Method
    path: str
    query: Mapping[str, str | Sequence[str]]
    body: bytes | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    attempted: str
    expected: frozenset[int]
    request_id: str
    until: float


class _Failure(Exception):
    """One try failed; never leaves this module."""

    def __init__(self, cause: str, *, retry_after: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.retry_after = retry_after

    def error(self, service: str, attempted: str) -> DoorError:
        """Return what the caller of the door is told."""
        family = Unavailable if self.cause in TRIES else Refused
        return family(f"{service}_{self.cause}", attempted)


def may_have_happened(error: DoorError) -> bool:
    """Say whether a call that failed may have been done all the same; for calls of ``JsonHttp``."""
    return any(error.code.endswith(f"_{cause}") for cause in UNCERTAIN)


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise ValueError("the address of a service is https://host/path, and nothing else")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ValueError("a service is reached by https; by plain http on loopback only")
    return base_url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _cause(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.ReadTimeout):
        return "TIMEOUT"
    # A host that does not answer at all is as good as one that is not there: nothing was asked.
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "UNREACHABLE"
    if isinstance(error, requests.exceptions.ConnectionError):
        inner = error.args[0] if error.args else None
        refused = type(getattr(inner, "reason", None)).__name__ in {
            "NewConnectionError",
            "NameResolutionError",
        }
        return "UNREACHABLE" if refused else "BROKEN"
    return "BROKEN"


def _refusal(status: int, retry_after: float | None) -> _Failure:
    if status == TOO_MANY_REQUESTS:
        return _Failure("THROTTLED", retry_after=retry_after)
    if status == REQUEST_TIMEOUT:
        return _Failure("TIMEOUT")
    if status >= SERVER_ERROR:
        return _Failure("UNAVAILABLE", retry_after=retry_after)
    if status < CLIENT_ERROR:
        return _Failure("REDIRECTED")
    return _Failure(REFUSED_STATUSES.get(status, "REFUSED"))


def seconds_asked(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that the service asks to wait: a number or a date (RFC 9110 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds(), 0.0)


def _read(answer: requests.Response) -> bytes:
    try:
        return bytes(answer.raw.read1(PIECE_BYTES, decode_content=True) or b"")
    except ReadTimeoutError:
        raise _Failure("TIMEOUT") from None
    except (HTTPError, OSError, ValueError):
        raise _Failure("BROKEN") from None


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _loads(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _Failure("NOT_JSON") from None


def _no_constant(_: str) -> float:
    raise ValueError("NaN and Infinity are not JSON")
