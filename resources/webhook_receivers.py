"""The door to whoever is told by webhook: one POST to an address that a caller has registered.

A caller chooses the address, so it is not believed (OWASP API7, SSRF). The name is resolved here,
every address that comes of it must be public, and the connection goes to the very address that was
checked: a name that answers otherwise a moment later changes nothing. Redirects are not followed,
the body of an answer is not read, and all of it, slow answers included, ends after a time.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, cast
from urllib.parse import SplitResult, urlsplit

from resources.clock import Clock
from resources.errors import Refused, Unavailable
from resources.http_json import seconds_asked

SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 5.0
MOST_CHARACTERS: Final = 2_048
# More addresses of one name are not tried: the time is over by then.
MOST_ADDRESSES: Final = 3
HTTPS_PORT: Final = 443
# What lies below belongs to services of a machine that speak no HTTP.
FIRST_PORT: Final = 1_024

# Addresses that hold an IPv4 address: NAT64 (RFC 6052, 8215), 6to4 (RFC 3056), Teredo (RFC 4380).
_TRANSLATED: Final = tuple(
    map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[tuple[str, int], float], socket.socket]


class NotAllowed(ValueError):
    """The address is none that a webhook may have; the text is the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where a webhook goes.

    Attributes:
        scheme: `https`; `http` on loopback where that is allowed.
        host: Name, in lower case.
        port: TCP port.
        target: Path and query.
    """

    scheme: str
    host: str
    port: int
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a receiver answered.

    Attributes:
        status: HTTP status.
        retry_after: Seconds that it asks to wait, or None.
    """

    status: int
    retry_after: float | None = None


class WebhookReceivers:
    """Sends webhooks.

    Args:
        clock: For dates in `Retry-After`.
        loopback: Whether this machine's own loopback may be called, by plain http too; for tests
            and the local stack.
        proxy: `http://host:port` of an egress proxy; it then resolves names, and must refuse
            private addresses itself.
        seconds: Longest time of one POST, from its first byte to the headers of the answer.
        resolve: Name and port to addresses.
        connect: Address and seconds to a connection.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        loopback: bool = False,
        proxy: str | None = None,
        seconds: float = SECONDS,
        resolve: Resolve | None = None,
        connect: Connect = socket.create_connection,
    ) -> None:
        """Remember how to send; nothing is opened."""
        self._clock = clock
        self._loopback = loopback
        self._proxy = None if proxy is None else _proxy(proxy)
        self._seconds = seconds
        self._resolve = resolve or _addresses
        self._connect = connect
        self._lock = threading.Lock()
        self._trust: ssl.SSLContext | None = None

    def way_out(self) -> bool:
        """Connect to the egress proxy and send nothing; whether there is one.

        Raises:
            Unavailable: `WEBHOOK_UNREACHABLE`: it does not answer.
        """
        if self._proxy is None:
            return False
        try:
            self._connect(self._proxy, CONNECT_SECONDS).close()
        except OSError:
            raise Unavailable("WEBHOOK_UNREACHABLE", "connect to the egress proxy") from None
        return True

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send once; what comes of it is the caller's to judge.

        Raises:
            Unavailable: `WEBHOOK_UNRESOLVED`, `WEBHOOK_UNREACHABLE`, `WEBHOOK_TIMEOUT`,
                `WEBHOOK_BROKEN`. After the last two the receiver may have got it.
            Refused: `WEBHOOK_FORBIDDEN`: the address is not public; nothing was sent.
        """
        try:
            receiver = parse_receiver(url, loopback=self._loopback)
        except NotAllowed:
            raise Refused("WEBHOOK_FORBIDDEN", "call a webhook") from None
        ended = threading.Event()
        try:
            with self._connected(receiver) as opened, _deadline(opened, self._seconds, ended):
                reply = self._exchanged(receiver, opened, headers, body)
            if ended.is_set():  # broken off among the headers, which reads as their end
                raise TimeoutError
            return reply
        except TimeoutError:
            raise Unavailable("WEBHOOK_TIMEOUT", "call a webhook") from None
        except (OSError, http.client.HTTPException, ValueError):
            cause = "TIMEOUT" if ended.is_set() else "BROKEN"
            raise Unavailable(f"WEBHOOK_{cause}", "call a webhook") from None

    def _exchanged(
        self, receiver: Receiver, opened: socket.socket, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        # Not http.client's own connect: it would resolve the name a second time.
        connection = http.client.HTTPConnection(receiver.host, receiver.port)
        try:
            connection.sock = self._secured(receiver, opened)
            connection.putrequest("POST", receiver.target, skip_accept_encoding=True)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            # A message is a mapping that does not care for the case of names.
            asked = seconds_asked(cast(Mapping[str, str], answer.headers), self._clock.now())
            return Reply(status=answer.status, retry_after=asked)
        finally:
            connection.close()

    @contextmanager
    def _connected(self, receiver: Receiver) -> Iterator[socket.socket]:
        places = [self._proxy] if self._proxy else self._checked(receiver)
        failed: OSError | None = None
        for place in places[:MOST_ADDRESSES]:
            try:
                opened = self._connect(place, min(CONNECT_SECONDS, self._seconds))
                break
            except OSError as error:
                failed = error
        else:
            raise Unavailable("WEBHOOK_UNREACHABLE", "call a webhook") from failed
        with opened:
            opened.settimeout(self._seconds)
            yield opened

    def _checked(self, receiver: Receiver) -> list[tuple[str, int]]:
        """The addresses of a name, if each of them may be called."""
        try:
            found = self._resolve(receiver.host, receiver.port)
            addresses = [ip_address(one.partition("%")[0]) for one in found]
        except (OSError, UnicodeError, ValueError):
            raise Unavailable("WEBHOOK_UNRESOLVED", "call a webhook") from None
        if not addresses or not all(self._may_call(receiver, one) for one in addresses):
            raise Refused("WEBHOOK_FORBIDDEN", "call a webhook")
        return [(str(one), receiver.port) for one in addresses]

    def _may_call(self, receiver: Receiver, address: Address) -> bool:
        if self._loopback and address.is_loopback:
            return True
        return receiver.scheme == "https" and is_public(address)

    def _secured(self, receiver: Receiver, opened: socket.socket) -> socket.socket:
        if self._proxy is not None:
            _tunnel(opened, receiver)
        if receiver.scheme == "http":
            return opened
        with self._lock:
            if self._trust is None:
                self._trust = ssl.create_default_context()
        # The certificate is that of the name, whatever the address.
        return self._trust.wrap_socket(opened, server_hostname=receiver.host)


def parse_receiver(url: str, *, loopback: bool = False) -> Receiver:
    """Read the address of a webhook; pure, and asks no resolver.

    Raises:
        NotAllowed: It is none that a webhook may have.
    """
    if len(url) > MOST_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise NotAllowed(f"must be at most {MOST_CHARACTERS} visible ASCII characters")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        raise NotAllowed("must be https://host/path") from None
    if "@" in parts.netloc or "\\" in url or "#" in url or not host:
        raise NotAllowed("must be https://host/path, without a user or a fragment")
    if loopback and _is_loopback(host):
        return _receiver(parts, host, port or (80 if parts.scheme == "http" else HTTPS_PORT))
    if parts.scheme != "https":
        raise NotAllowed("must begin with https://")
    if not _is_name(host):
        raise NotAllowed("must have a public name as its host, not an address or a local name")
    if port is not None and port != HTTPS_PORT and port < FIRST_PORT:
        raise NotAllowed(f"must have port {HTTPS_PORT}, or one from {FIRST_PORT}")
    return _receiver(parts, host, port or HTTPS_PORT)


def is_public(address: Address) -> bool:
    """Whether an address is of the public Internet, and of one machine (IANA's registries)."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.is_site_local or any(address in network for network in _TRANSLATED):
            return False
    special = address.is_private or address.is_reserved or address.is_unspecified
    return address.is_global and not (special or address.is_multicast or address.is_link_local)


def _receiver(parts: SplitResult, host: str, port: int) -> Receiver:
    if parts.scheme not in {"http", "https"}:
        raise NotAllowed("must begin with https://")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Receiver(scheme=parts.scheme, host=host, port=port, target=target)


def _is_name(host: str) -> bool:
    """Whether a host is a public name: labels of RFC 1123, the last of which is no number.

    Every spelling of an address that a resolver takes for one (`2130706433`, `0x7f.1`, `127.1`)
    ends in a label that begins with a digit.
    """
    labels = host.split(".")
    plain = all(
        0 < len(label) <= 63  # noqa: PLR2004 - RFC 1035 2.3.4
        and label.replace("-", "a").isalnum()
        and label.strip("-") == label
        for label in labels
    )
    local = labels[-1] in {"localhost", "local", "internal", "localdomain", "arpa", "onion"}
    return plain and len(labels) > 1 and labels[-1][0].isalpha() and not local


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def _proxy(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port or parts.username:
        raise ValueError("WEBHOOKS_PROXY must be http://host:port")
    return parts.hostname, parts.port


def _tunnel(opened: socket.socket, receiver: Receiver) -> None:
    """Let the proxy connect us to a host (RFC 9110 9.3.6).

    Raises:
        OSError: It does not.
    """
    place = f"{receiver.host}:{receiver.port}"
    opened.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode("ascii"))
    answer = http.client.HTTPResponse(opened, method="CONNECT")
    try:
        answer.begin()
        if answer.status != HTTPStatus.OK:
            raise OSError("the proxy refuses")
    finally:
        answer.close()


@contextmanager
def _deadline(opened: socket.socket, seconds: float, ended: threading.Event) -> Iterator[None]:
    """Break a connection after a time: a time-out of reads alone is met by a byte now and then."""
    # A second handle: TLS takes the first one over.
    guard = opened.dup()

    def end() -> None:
        ended.set()
        with suppress(OSError):
            guard.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        guard.close()
