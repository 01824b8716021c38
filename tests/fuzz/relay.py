"""Schemathesis between its own process and the bridge: what it sends passes here and is judged.

It runs as a program, so nothing of it is imported; the counts are ours, on its cases. The exports
that there are change while it runs, so it is given names that stand for them.
"""

import json
import re
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from tests.fuzz.attack import Attacker
from tests.fuzz.bridge import Attacked
from tests.fuzz.described import KNOWN, UNKNOWN, acquainted, operations
from tests.fuzz.exchange import Case, Reply
from tests.fuzz.judge import FIRST_ERROR, Tally

PROGRAM = Path(sys.executable).with_name("st")
HOURS = 4 * 3_600
# What is shorter occurs in any sentence.
ECHO_LETTERS = 8
# The bridge's answers to these are the bridge's own business, and not about the caller's words.
UNHEARD = re.compile(rb"(?im)^(?:host|user-agent|accept(?:-encoding)?|connection|x-request-id):.*$")
NAMES = re.compile(rb"(?m)^[^:\s]+:")
_WORDS = re.compile(rf"[^\s\"',:{{}}\[\]&=?/<>]{{{ECHO_LETTERS},}}")
# Without what makes the bridge wait: thousands of seconds would be spent on it.
SHORT = KNOWN | {"Prefer": ("handling=lenient", "respond-async", "wait=0")}
_LENGTH = re.compile(rb"(?im)^content-length: *(\d+) *\r?$")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding: *chunked")


def attack(bridge: Attacked, tally: Tally, cases: int, seed: int, program: Path) -> None:
    """Let Schemathesis send about so many cases.

    Raises:
        FileNotFoundError: The program is not there.
    """
    attacker = Attacker(bridge, tally)
    every = operations(attacker.described)
    with relayed(attacker, tally) as port, tempfile.TemporaryDirectory() as name:
        description = Path(name) / "openapi.json"
        description.write_text(json.dumps(_helpful(attacker.described)), encoding="utf-8")
        ended = subprocess.run(
            [str(program), "run", str(description), "--url", f"http://127.0.0.1:{port}",
             "--header", f"Authorization: Bearer {bridge.issuer.token()}",
             "--seed", str(seed), "--max-examples", str(max(1, cases // len(every))),
             "--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all",
             "--checks", "not_a_server_error,content_type_conformance,response_schema_conformance",
             "--max-redirects", "0", "--continue-on-failure", "--no-shrink", "--no-color"],
            capture_output=True, text=True, check=False, timeout=HOURS, cwd=name,
        )  # fmt: skip
    attacker.close()
    if ended.returncode:
        tally.fault("malformed", f"schemathesis: {ended.stdout[-3_000:]}{ended.stderr[-500:]}")


def _helpful(described: Mapping[str, Any]) -> Any:
    """The description with the names of what there is, where it only says that it is text."""
    known = acquainted(described)
    for operation in operations(known):
        stated = known["paths"][operation.path][operation.method.lower()]
        for parameter in stated.get("parameters", ()):
            name = parameter["name"]
            there = [*(f"exp_live{number}" for number in range(6)), UNKNOWN]
            values = there if name == "export_id" else SHORT.get(name)
            if values:
                parameter["schema"] = {"type": "string", "enum": list(values)}
    return known


@contextmanager
def relayed(attacker: Attacker, tally: Tally) -> Iterator[int]:
    """Pass requests on to the bridge, one at a time; gives the port."""
    lock, ours = threading.Lock(), json.dumps(attacker.described)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while raw := _request(self.rfile):
                with lock:
                    case = _case(raw, attacker)
                    reply = attacker.send(case)
                    for word in _echoed(case, reply, ours):
                        tally.fault("echoes", f"{word!r} by {case!r:.300}")
                self.wfile.write(_bytes(reply, case.method))

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def _request(stream: Any) -> bytes:
    """One request as it came, or nothing more."""
    head = b""
    while not head.endswith((b"\r\n\r\n", b"\n\n")):
        line = stream.readline(1_000_000)
        if not line:
            return b""
        head += line
    length = _LENGTH.search(head)
    if length:
        return head + bytes(stream.read(int(length.group(1))))
    return head + _chunks(stream) if _CHUNKED.search(head) else head


def _chunks(stream: Any) -> bytes:
    body = b""
    while True:
        line = stream.readline()
        body += line
        size = int(line.split(b";")[0] or b"0", 16)
        body += stream.read(size + 2)
        if not size:
            return body


def _case(raw: bytes, attacker: Attacker) -> Case:
    for number, export_id in enumerate(attacker.ids):
        raw = raw.replace(b"exp_live%d" % number, export_id.encode())
    method = raw.split(b" ", 1)[0].decode("latin-1")
    return Case(origin="schemathesis", method=method, raw=raw, waits=2.0)


def _echoed(case: Case, reply: Reply, ours: str) -> list[str]:
    """Longer words of a request that an error repeats, and that are not the bridge's own."""
    if reply.status < FIRST_ERROR or case.raw is None:
        return []
    head, _, body = case.raw.partition(b"\r\n\r\n")
    heard = NAMES.sub(b"", UNHEARD.sub(b"", head)) + b"\n" + body
    said = unquote_plus(heard.decode("utf-8", "replace"))
    shown = reply.body.decode("utf-8", "replace")
    return [word for word in set(_WORDS.findall(said)) if word in shown and word not in ours]


def _bytes(reply: Reply, method: str) -> bytes:
    """An answer as bytes, whole, so that the connection can go on."""
    kept = [one for one in reply.headers if one[0] not in ("transfer-encoding", "content-length")]
    lines = [f"HTTP/1.1 {reply.status or 599} -", *(f"{name}: {value}" for name, value in kept)]
    lines += [] if method == "HEAD" else [f"content-length: {len(reply.body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + reply.body
