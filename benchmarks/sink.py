"""An S3 endpoint that does nothing with what it is sent but keep it in memory, on loopback only.

    python -m benchmarks.sink --folder FOLDER

Prints its port when it can be reached, and at SIGTERM writes its objects into the folder. It knows
uploads, whole and in parts, that replace nothing; reading, describing and listing. No signature,
digest or right is looked at: what is left of an export's cost is the client's. Operations: Amazon
S3 API Reference.
"""

import argparse
import hashlib
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from benchmarks.touched import touched
from export_platform.commands.terminal import ended_by_sigterm

LOOPBACK: Final = "127.0.0.1"
ROOM_MB: Final = 2048  # more than anybody sends of five million entries
_PIECE: Final = 1 << 20
_NAMESPACE: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Shelf:
    """Where objects lie.

    Args:
        room: The bytes of all objects and parts that are ever sent.
    """

    def __init__(self, room: int) -> None:
        self._memory, self._end = memoryview(touched(room)), 0
        self._lock, self._numbers = threading.Lock(), count(1)
        self._objects: dict[str, list[memoryview]] = {}
        self._uploads: dict[str, dict[int, memoryview]] = {}

    def place(self, size: int) -> memoryview:
        """Room for so many bytes.

        Raises:
            MemoryError: There is no more.
        """
        with self._lock:
            begin, self._end = self._end, self._end + size
        if self._end > len(self._memory):
            raise MemoryError("the sink has no more room; give it more with --room")
        return self._memory[begin : begin + size]

    def put(self, name: str, body: memoryview) -> None:
        """Keep a whole object."""
        self._objects[name] = [body]

    def begin(self) -> str:
        """Start an upload in parts."""
        upload = f"upload-{next(self._numbers)}"
        self._uploads[upload] = {}
        return upload

    def part(self, upload: str, number: int, body: memoryview) -> None:
        """Keep a part."""
        self._uploads[upload][number] = body

    def join(self, upload: str, name: str) -> None:
        """Make an object of its parts."""
        parts = self._uploads.pop(upload)
        self._objects[name] = [parts[number] for number in sorted(parts)]

    def drop(self, upload: str) -> None:
        """Forget an upload."""
        del self._uploads[upload]

    def pieces(self, name: str) -> list[memoryview]:
        """What an object consists of, in order; none when there is none."""
        return self._objects.get(name, [])

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """The keys of a bucket, in order."""
        within = f"{bucket}/"
        found = (name.removeprefix(within) for name in self._objects if name.startswith(within))
        return sorted(key for key in found if key.startswith(prefix))

    def store(self, folder: Path) -> None:
        """Write every object into a file.

        Raises:
            ValueError: One would lie outside the folder.
        """
        for name, pieces in self._objects.items():
            place = (folder / name).resolve()
            if not place.is_relative_to(folder.resolve()):
                raise ValueError("a key does not leave its folder")
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as file:
                file.writelines(pieces)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, shelf: Shelf, *arguments: object) -> None:
        self._shelf = shelf
        super().__init__(*arguments)  # type: ignore[arg-type] # as socketserver calls it

    def do_PUT(self) -> None:
        """Take an object, or a part of one."""
        query, name, body = self._query(), self._name(), self._body()
        if "uploadId" in query:
            self._shelf.part(query["uploadId"], int(query["partNumber"]), body)
        elif self._is_taken(name):
            self._refuse(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed")
            return
        else:
            self._shelf.put(name, body)
        self._answer({"ETag": _tag(self._name())})

    def do_POST(self) -> None:
        """Begin an upload in parts, or complete it."""
        query, name, _ = self._query(), self._name(), self._body()
        if "uploads" in query:
            self._say(
                "InitiateMultipartUploadResult", f"<UploadId>{self._shelf.begin()}</UploadId>"
            )
        elif self._is_taken(name):
            self._refuse(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed")
        else:
            self._shelf.join(query["uploadId"], name)
            self._say("CompleteMultipartUploadResult", f"<ETag>{_tag(name)}</ETag>")

    def do_GET(self) -> None:
        """Give an object, the keys of a bucket, or the uploads that wait there, as none."""
        if "uploads" in self._query():
            self._say("ListMultipartUploadsResult", "<IsTruncated>false</IsTruncated>")
            return
        if "list-type" in self._query():
            keys = self._shelf.keys(self._name().strip("/"), self._query().get("prefix", ""))
            listed = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
            self._say("ListBucketResult", f"<IsTruncated>false</IsTruncated>{listed}")
            return
        for piece in self._described():
            self.connection.sendall(piece)

    def do_HEAD(self) -> None:
        """Describe an object."""
        self._described()

    def do_DELETE(self) -> None:
        """Forget an upload."""
        self._shelf.drop(self._query()["uploadId"])
        self._answer({}, HTTPStatus.NO_CONTENT)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _name(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/")

    def _query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def _is_taken(self, name: str) -> bool:
        return self.headers.get("If-None-Match") == "*" and bool(self._shelf.pieces(name))

    def _body(self) -> memoryview:
        """Receive the body to where it will lie."""
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            raise ValueError("bodies come in one piece")
        body = self._shelf.place(int(self.headers.get("Content-Length", 0)))
        rest = body
        while rest:
            received = self.rfile.readinto(rest[:_PIECE])  # type: ignore[attr-defined]
            if not received:
                raise ConnectionError("the client hung up")
            rest = rest[received:]
        return body

    def _described(self) -> list[memoryview]:
        """Send the head of the answer for an object; what it consists of."""
        pieces = self._shelf.pieces(self._name())
        if not pieces:
            self._refuse(HTTPStatus.NOT_FOUND, "NoSuchKey")
            return []
        size = sum(map(len, pieces))
        self._begin(HTTPStatus.OK, {"ETag": _tag(self._name()), "Content-Length": str(size)})
        return pieces

    def _say(self, root: str, content: str) -> None:
        self._answer({}, body=f"<{root} {_NAMESPACE}>{content}</{root}>")

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        body = "" if self.command == "HEAD" else f"<Error><Code>{code}</Code></Error>"
        self._answer({}, status, body=body)

    def _answer(
        self, headers: dict[str, str], status: HTTPStatus = HTTPStatus.OK, *, body: str = ""
    ) -> None:
        content = body.encode()
        self._begin(status, {**headers, "Content-Length": str(len(content))})
        self.wfile.write(content)

    def _begin(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _tag(name: str) -> str:
    """A tag that is the same for one object: nothing is ever replaced."""
    return f'"{hashlib.sha256(name.encode()).hexdigest()[:32]}"'


def server(shelf: Shelf) -> ThreadingHTTPServer:
    """A server on a free port; the caller serves and closes it."""
    return ThreadingHTTPServer((LOOPBACK, 0), partial(Handler, shelf))


def main(arguments: Sequence[str]) -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--room", type=int, default=ROOM_MB, help="MB of all that is sent")
    given = parser.parse_args(arguments)
    shelf = Shelf(given.room << 20)
    with server(shelf) as listening, ended_by_sigterm(), suppress(KeyboardInterrupt):
        print(listening.server_address[1], flush=True)
        listening.serve_forever()
    shelf.store(given.folder)


if __name__ == "__main__":
    main(sys.argv[1:])
