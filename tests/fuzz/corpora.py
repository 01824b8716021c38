"""Cases of our own: naughty texts in every place, JSON that is none, requests that are none."""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote_from_bytes

from tests.fuzz.attack import Attacker
from tests.fuzz.exchange import Case, Headers
from tests.fuzz.texts import TEXTS, marked
from tests.fuzz.values import MARKER

PARAMS: Mapping[str, Any] = {"campaign_id": "aurora-lights"}
JSON_BODY: Mapping[str, Any] = {"type": "guests", "params": PARAMS}
QUERY = (
    "type", "campaign", "status", "created_after", "created_before", "mine", "page_size",
    "page_token",
)  # fmt: skip
# Ours, the standard ones that some layer may act on, and those that other programs trust.
HEADERS = (
    "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Authorization", "Cookie",
    "Content-Encoding", "Content-Type", "Expect-CT", "Forwarded", "From", "Idempotency-Key",
    "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "Last-Event-ID", "Origin",
    "Prefer", "Range", "Referer", "TE", "Traceparent", "Tracestate", "User-Agent", "Via",
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-HTTP-Method-Override",
    "X-Original-URL", "X-Rewrite-URL", "X-Real-IP", "X-Request-Id",
)  # fmt: skip
MEMBERS = (
    "campaign_id", "columns", "format", "dialect", "compression", "pii", "reason", "top_n",
    "with_plus_one", "tier", "markets", "since", "deliver", "rows_per_file",
)  # fmt: skip
METHODS = (
    "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "QUERY",
    "HEAD", "get", "G\u0000T", "A" * 300,
)  # fmt: skip
ENCODINGS = (
    "utf-8", "utf-16", "utf-16-be", "utf-32", "utf-7", "latin-1", "cp1252", "cp037", "shift_jis",
    "gb18030",
)  # fmt: skip

# About so many places there are; a short attack need not make all of the cases to choose from.
CASES_A_TEXT = 80


def attack(attacker: Attacker, count: int, seed: int) -> None:
    """Send so many cases: each once in an order by chance, then pairs of texts in places."""
    chance = random.Random(seed)  # noqa: S311 - the same cases each time
    texts = list(marked())
    chance.shuffle(texts)
    some = texts[: 1 + count // CASES_A_TEXT * 2]
    every = [*placed(some, lambda: attacker.ids), *bodies(), *requests(attacker.described)]
    chance.shuffle(every)
    attacker.send_all(every[:count])
    for _ in range(count - len(every)):
        text = "".join((chance.choice(TEXTS), MARKER, chance.choice(TEXTS)))
        attacker.send(chance.choice([*_places(text, lambda: attacker.ids)]))


def placed(texts: Iterable[str], ids: Callable[[], Sequence[str]]) -> Iterator[Case]:
    """Every text in every place that a caller fills."""
    for text in texts:
        yield from _places(text, ids)


def _places(text: str, ids: Callable[[], Sequence[str]]) -> Iterator[Case]:
    yield from _in_paths(text, ids)
    yield from _in_queries(text)
    yield from _in_headers(text, ids()[0].encode())
    yield from _in_bodies(text)


def _in_paths(text: str, ids: Callable[[], Sequence[str]]) -> Iterator[Case]:
    raw = _bytes(text)
    said = quote_from_bytes(raw, safe="").encode()
    twice = quote_from_bytes(said, safe="").encode()
    live = ids()[0].encode()
    for method, target in (
        ("GET", b"/v1/exports/" + said),
        ("GET", b"/v1/exports/" + live + said),
        ("GET", b"/v1/exports/" + live + b"/files/" + said),
        ("GET", b"/v1/exports/" + live + b"/" + said),
        ("POST", b"/v1/exports/" + twice + b"/cancel"),
        ("GET", b"/v1/export-types/" + said),
        ("GET", b"/" + said),
        ("GET", b"/page/" + said),
        ("GET", b"/page/" + twice),
    ):
        yield _case("path", method=method, target=target)
    printable = bytes(byte for byte in raw if byte > 0x20)  # blanks end a target
    yield _case("path", target=b"/v1/exports/" + printable)


def _in_queries(text: str) -> Iterator[Case]:
    said = quote_from_bytes(_bytes(text), safe="").encode()
    for name in QUERY:
        yield _case("query", target=b"/v1/exports?%s=%s" % (name.encode(), said))
    yield _case("query", target=b"/v1/exports?%s=1" % said)
    yield _case("query", target=b"/v1/exports?status%s=queued" % said)
    yield _case("query", target=b"/v1/export-types?" + said)


def _in_headers(text: str, live: bytes) -> Iterator[Case]:
    """Line ends would begin another header, and that is what some of the texts try."""
    raw = _bytes(text)
    for name in HEADERS:
        yield _case("header", target=b"/v1/exports/" + live, headers=((name.encode(), raw),))


def _in_bodies(text: str) -> Iterator[Case]:
    for name in MEMBERS:
        for value in (text, [text]):
            yield _posted({**JSON_BODY, "params": {**PARAMS, name: value}})
    yield _posted({**JSON_BODY, "params": {**PARAMS, text: 1}})
    yield _posted({**JSON_BODY, text: 1})
    yield _posted({**JSON_BODY, "type": text})


def bodies() -> Iterator[Case]:
    """Bodies that break parsers: depth, size, numbers, members twice, encodings, half of them."""
    good = json.dumps(JSON_BODY)
    for raw in (*_deep(), *_numbers(), *_twice(), *_sizes()):
        yield _case("body", method="POST", body=raw)
    for encoding in ENCODINGS:
        text = good.replace("aurora", f"aur\u00f6ra{MARKER}").encode(encoding, "replace")
        yield _case("body", method="POST", body=text)
        charset = f"application/json; charset={encoding}".encode()
        yield _case("body", method="POST", body=text, headers=((b"Content-Type", charset),))
    for end in range(len(good)):
        yield _case("body", method="POST", body=good[:end].encode())
    for byte in range(0x80, 0x100):
        spoiled = good.encode().replace(b"aurora", b"%s\x80%c" % (MARKER.encode(), byte))
        yield _case("body", method="POST", body=spoiled)


def _deep() -> Iterator[bytes]:
    for depth in (15, 16, 17, 100, 999, 1_000, 10_000, 30_000):
        yield b"[" * depth + b"]" * depth
        yield b"[" * depth
        yield (b'{"a":' * depth + b"1" + b"}" * depth)[:60_000]
        yield b'{"type":"guests","params":' + (b"[{" * depth)[:60_000]
        yield b'{"type":"' + b'\\"' * (depth % 30_000) + b'"}'


def _numbers() -> Iterator[bytes]:
    for number in (
        "1e999", "-1e999", "NaN", "-Infinity", "9" * 5_000, "1" * 60_000, "1e-999", "-0",
        "0." + "0" * 5_000 + "1", "1e5000000000", "01", "+1", ".1", "1.", "0x1",
        "9007199254740993", "-9223372036854775809", "1E+2", "--1", "1e", "\u0661",
    ):  # fmt: skip
        for name in ("top_n", "reason", "rows_per_file", "max_rejects"):
            yield b'{"type":"guests","params":{"campaign_id":"aurora-lights","%s":%s}}' % (
                name.encode(),
                number.encode(),
            )
        yield number.encode()


def _twice() -> Iterator[bytes]:
    for name in ("type", "params"):
        yield b'{"type":"guests","params":{},"%s":{}}' % name.encode()
    for name in MEMBERS:
        said = b'"%s":"%s"' % (name.encode(), MARKER.encode())
        yield b'{"type":"guests","params":{%s,%s}}' % (said, said)
        escaped = b'"\\u%04x%s":1' % (ord(name[0]), name[1:].encode())
        yield b'{"type":"guests","params":{%s,%s}}' % (said, escaped)


def _sizes() -> Iterator[bytes]:
    good = json.dumps(JSON_BODY).encode()
    for size in (0, 1, 65_535, 65_536, 65_537, 100_000, 1_000_000, 5_000_000):
        yield good + b" " * max(0, size - len(good))
        yield b'{"%s":"' % MARKER.encode() + b"x" * size
    for count in (1_999, 2_000, 2_001, 20_000):
        yield json.dumps({**JSON_BODY, "params": {**PARAMS, "markets": [1] * count}}).encode()
        yield json.dumps({f"{MARKER}{number}": 1 for number in range(count)}).encode()[:65_000]


def requests(described: Mapping[str, Any]) -> Iterator[Case]:
    """Methods that a path does not know, and requests that HTTP itself forbids."""
    for path in (*described["paths"], "/", "/page", "/v1", "/v1/exports/", "//v1/exports", "*"):
        target = path.replace("{export_id}", "exp_" + "0" * 24).replace("{", "").replace("}", "")
        for method in METHODS:
            # HEAD of a stream would be one; what OPTIONS asks for has no body to judge.
            yield _case("method", method=method, target=target.encode())
    for raw in malformed():
        yield Case(origin="malformed", raw=raw, marker=MARKER)


def malformed() -> Iterator[bytes]:
    """Requests that two servers would read differently, or not at all."""
    host, token = b"Host: {host}\r\n", b"Authorization: Bearer {token}\r\n"
    post = b"POST /v1/exports HTTP/1.1\r\n" + host + token + b"Content-Type: application/json\r\n"
    get = b"GET /v1/export-types HTTP/1.1\r\n" + host + token
    yield from (post + lengths + b"\r\n\r\n0\r\n\r\n" for lengths in _lengths())
    yield from (get + line + b"\r\n\r\n" for line in _lines())
    yield from _first_lines(host + token)
    for hosts in (
        b"", host * 2, b"Host: a\r\n" + host, b"Host:\r\n", b"Host: {host}:\r\n",
        b"Host: {host}@c4nary\r\n", b"Host: c4nary.example\r\n", b"Host: {host}, x\r\n",
        b"Host: 127.1\r\n", b"Host: [::1\r\n", b"Host: localhost:99999999\r\n",
        b"Host: LOCALHOST.\r\n", b"Host: \xff\r\n", b"Host : {host}\r\n",
    ):  # fmt: skip
        yield b"GET /v1/export-types HTTP/1.1\r\n" + hosts + token + b"\r\n"
    for count in (10, 90, 110, 1_000, 5_000):
        lines = b"".join(b"X-C4nary-%d: c4nary\r\n" % number for number in range(count))
        yield get + lines + b"\r\n"
    for size in (1_000, 8_000, 17_000, 70_000):
        yield b"GET /" + b"c4nary/" * (size // 7) + b" HTTP/1.1\r\n" + host + b"\r\n"
        yield get + b"X-Long: " + b"c4nary" * (size // 6) + b"\r\n\r\n"


def _lengths() -> Sequence[bytes]:
    return (
        b"Content-Length: -1", b"Content-Length: +5", b"Content-Length: 5, 5",
        b"Content-Length: 0x5", b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 1e1",
        b"Content-Length:", b"Content-Length: 99999999999999999999999",
        b"Content-Length: \xd9\xa1", b"Content-Length: 0",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding:",
        b"Transfer-Encoding : chunked", b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding: \xff", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        b"Transfer-Encoding: c4nary",
    )  # fmt: skip


def _lines() -> Sequence[bytes]:
    return (
        b"X-A: b\r\n c4nary: folded", b"X-A b", b": c4nary", b"X A: c4nary", b"X-A\x00: c4nary",
        b"X-A: c4nary\x00", b"X-A: c4nary\rX-B: c", b"X-A: c4nary\nX-B: c", b"\x80: c4nary",
        b"X-A:c4nary\x7f", b"X-A: \xff\xfec4nary", b"Expect: 100-continue", b"Expect: c4nary",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: c4nary",
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",
        b"Connection: close, Authorization", b"Connection: keep-alive, c4nary", b"TE: trailers",
        b"Range: bytes=0-0,1-1,2-2,c4nary", b"Accept: application/c4nary;q=9",
        b"Cookie: " + b"a=b;" * 900, b"If-None-Match: " + b'"c4nary",' * 900,
        b"Proxy-Authorization: Basic c4nary",
    )  # fmt: skip


def _first_lines(rest: bytes) -> Iterator[bytes]:
    for line in (
        b"GET /v1/exports", b"GET  /v1/exports HTTP/1.1", b"GET /v1/exports HTTP/2.0",
        b"GET HTTP/1.1", b"GET /v1/exports HTTP/1.0", b"GET /v1/exports HTTP/9.9",
        b"GET /v1/exports http/1.1", b"GET\t/v1/exports\tHTTP/1.1",
        b"GET http://c4nary.example/v1/exports HTTP/1.1",
        b"GET https://{host}/v1/exports HTTP/1.1", b"GET v1/exports HTTP/1.1",
        b"OPTIONS * HTTP/1.1", b"CONNECT c4nary.example:443 HTTP/1.1",
        b"GET //c4nary.example/v1 HTTP/1.1", b"GET /v1/exports#c4nary HTTP/1.1",
        b"GET /v1/exports?\xff HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET /v1/\x00c4nary HTTP/1.1",
        b"GET /v1\\exports HTTP/1.1", b"GET /%zz%c4nary HTTP/1.1",
        b"GET /v1/exports;c4nary=1 HTTP/1.1", b"GET /v1/./exports HTTP/1.1", b"get / HTTP/1.1",
        b"GET /v1/../v1/exports HTTP/1.1", b"GET /V1/EXPORTS HTTP/1.1", b"\x16\x03\x01\x02c4nary",
        b"PRI * HTTP/2.0\r\n\r\nSM", b"G\x00ET / HTTP/1.1", b"c4nary", b"<c4nary/>", b"{}",
        b"\xff" * 40,
    ):  # fmt: skip
        yield line + b"\r\n" + rest + b"\r\n"


def _posted(value: object) -> Case:
    return _case("body", method="POST", body=json.dumps(value).encode())


def _case(
    origin: str,
    *,
    method: str = "GET",
    target: bytes = b"/v1/exports",
    headers: Headers = (),
    body: bytes = b"",
) -> Case:
    return Case(
        origin=origin, method=method, target=target, headers=headers, body=body, marker=MARKER
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
