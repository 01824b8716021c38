"""One request as bytes and what came back: nothing here corrects what a library would refuse."""

import http.client
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.waiting import Stopwatch

# Far above the two seconds of a hang, so that a hang is measured and not guessed.
GIVE_UP_SECONDS = 20.0
NO_ANSWER = 0
STREAM = "text/event-stream"
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request.

    Attributes:
        origin: Which attack it belongs to.
        method: The method.
        target: Path and query as they are sent.
        headers: Headers beside the usual ones, or in their place.
        body: The body.
        credential: Whose token is sent; empty for none.
        marker: Stands in what is sent and must not come back in an error.
        waits: Seconds that the request itself asks the bridge to wait (`Prefer: wait`).
        raw: The whole request as it is sent, in place of everything above but the marker.
        refusal: Whether only a 401 is right: the token must not be accepted.
    """

    origin: str
    method: str = "GET"
    target: bytes = b"/v1/exports"
    headers: Headers = ()
    body: bytes = b""
    credential: str = "all"
    marker: str = ""
    waits: float = 0.0
    raw: bytes | None = None
    refusal: bool = False

    @property
    def alone(self) -> bool:
        """Whether it may be read as two requests, so that nothing should follow it."""
        return self.raw is not None or any(b"\n" in value for _, value in self.headers)

    def sent(self, host: bytes, tokens: Mapping[str, str]) -> bytes:
        """The request as bytes."""
        if self.raw is not None:
            return self.raw.replace(b"{host}", host).replace(b"{token}", tokens["all"].encode())
        given = {name.lower() for name, _ in self.headers}
        usual = [(b"host", host)]
        if self.credential:
            usual.append((b"authorization", b"Bearer " + tokens[self.credential].encode()))
        if self.body:
            usual += [(b"content-type", b"application/json")]
        if self.body or self.method == "POST":
            usual += [(b"content-length", str(len(self.body)).encode())]
        kept = [one for one in usual if one[0] not in given]
        lines = [b"%s %s HTTP/1.1" % (self.method.encode(), self.target)]
        lines += [b"%s: %s" % header for header in (*kept, *self.headers)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; status 0 when nothing did.

    Attributes:
        status: The status.
        headers: Name in lower case and value, as sent.
        body: The body; the first piece of a stream.
        seconds: From the first byte sent to the last one received, while the machine went on.
    """

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    seconds: float = 0.0

    def header(self, name: str) -> str:
        """The value of a header, or nothing."""
        return next((value for known, value in self.headers if known == name), "")


@dataclass(slots=True, kw_only=True)
class Wire:
    """A connection that is used again as long as the bridge keeps it."""

    port: int
    _socket: socket.socket | None = field(default=None, init=False)

    def exchange(self, raw: bytes, *, method: str = "GET", alone: bool = False) -> Reply:
        """Send bytes; give what comes back, or nothing came.

        With `alone` no other request shares its connection.
        """
        if alone:
            self.close()
        reply = self._patiently(raw, method)
        if alone:
            self.close()
        return reply

    def close(self) -> None:
        """Let the connection go."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _patiently(self, raw: bytes, method: str) -> Reply:
        reused = self._socket is not None
        reply = self._once(raw, method)
        # A kept connection may have been closed meanwhile; that is no answer to this request.
        if reply.status == NO_ANSWER and reused and reply.seconds < 1.0:
            reply = self._once(raw, method)
        return reply

    def _once(self, raw: bytes, method: str) -> Reply:
        with Stopwatch() as watch:
            return self._measured(raw, method, watch)

    def _measured(self, raw: bytes, method: str, watch: Stopwatch) -> Reply:
        try:
            connection = self._open()
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(raw)  # refused before it was read: the answer may be there
            return self._received(connection, method, watch)
        except (OSError, http.client.HTTPException):
            self.close()
            return Reply(status=NO_ANSWER, seconds=watch.seconds)

    def _received(self, connection: socket.socket, method: str, watch: Stopwatch) -> Reply:
        with http.client.HTTPResponse(connection, method=method) as answer:
            answer.begin()
            streamed = answer.headers.get_content_type() == STREAM
            body = b"" if streamed else answer.read()
            closed = streamed or answer.will_close
            reply = Reply(
                status=answer.status,
                headers=[(name.lower(), value) for name, value in answer.headers.items()],
                body=body,
                seconds=watch.seconds,
            )
        if closed:
            self.close()
        return reply

    def _open(self) -> socket.socket:
        if self._socket is None:
            address = ("127.0.0.1", self.port)
            self._socket = socket.create_connection(address, timeout=GIVE_UP_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket
