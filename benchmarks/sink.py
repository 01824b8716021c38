"""An S3 endpoint that does nothing with what it is sent but keep it, on loopback only.

    python -m benchmarks.sink --folder FOLDER

Prints its port when it can be reached. It knows uploads, whole and in parts, that replace nothing;
reading, describing and listing. No signature, digest or right is looked at: what is left of an
export's cost is the client's. Operations: Amazon S3 API Reference.
"""

import argparse
import hashlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

LOOPBACK: Final = "127.0.0.1"
_PIECE: Final = 1 << 20
_NAMESPACE: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_PARTS: Final = ".parts"  # no key ends so
_NOWHERE: Final = Path("/dev/null")


class Shelf:
    """Where objects lie: a file a key, and a folder for the parts of each upload.

    Args:
        folder: Holds everything.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def path(self, name: str) -> Path:
        """The file of a bucket and key.

        Raises:
            ValueError: It would lie outside the folder.
        """
        found = (self._folder / name).resolve()
        if not found.is_relative_to(self._folder.resolve()):
            raise ValueError("a key does not leave its folder")
        return found

    def begin(self) -> str:
        """Start an upload in parts."""
        upload = f"upload-{next(self._numbers)}"
        (self._folder / (upload + _PARTS)).mkdir(parents=True)
        return upload

    def part(self, upload: str, number: int) -> Path:
        """The file of a part."""
        return self.path(upload + _PARTS) / f"{number:05d}"

    def join(self, upload: str, name: str) -> None:
        """Make an object of its parts, which stay where they are: copying them would cost time."""
        place = self.path(name + _PARTS)
        place.parent.mkdir(parents=True, exist_ok=True)
        self.path(upload + _PARTS).rename(place)

    def drop(self, upload: str) -> None:
        """Forget an upload."""
        shutil.rmtree(self.path(upload + _PARTS))

    def pieces(self, name: str) -> list[Path]:
        """The files that an object consists of, in order; none when there is none."""
        whole, parts = self.path(name), self.path(name + _PARTS)
        if whole.is_file():
            return [whole]
        return sorted(parts.iterdir()) if parts.is_dir() else []

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """The keys of a bucket, in order."""
        keys = set()
        for path in (self._folder / bucket).rglob("*"):
            if path.is_file():
                place = path.parent if path.parent.name.endswith(_PARTS) else path
                keys.add(place.relative_to(self._folder / bucket).as_posix().removesuffix(_PARTS))
        return sorted(key for key in keys if key.startswith(prefix))


def joined(folder: Path) -> None:
    """Make one file of every object of parts in the folder of a sink that has ended."""
    for parts in sorted(folder.rglob(f"*{_PARTS}")):
        with parts.with_name(parts.name.removesuffix(_PARTS)).open("wb") as whole:
            for part in sorted(parts.iterdir()):
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole, _PIECE)
        shutil.rmtree(parts)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, shelf: Shelf, *arguments: object) -> None:
        self._shelf = shelf
        super().__init__(*arguments)  # type: ignore[arg-type] # as socketserver calls it

    def do_PUT(self) -> None:
        """Take an object, or a part of one."""
        query, name = self._query(), self._name()
        if "uploadId" in query:
            self._take(self._shelf.part(query["uploadId"], int(query["partNumber"])))
        elif self._is_taken(name):
            self._take(_NOWHERE)
            self._refuse(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed")
            return
        else:
            self._take(self._shelf.path(name))
        self._answer({"ETag": _tag(self._name())})

    def do_POST(self) -> None:
        """Begin an upload in parts, or complete it."""
        query, name = self._query(), self._name()
        self._take(_NOWHERE)
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
            with piece.open("rb") as file:
                self.connection.sendfile(file)

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

    def _take(self, place: Path) -> None:
        """Write the body into a file."""
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            raise ValueError("bodies come in one piece")
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            for piece in _pieces(self.rfile, int(self.headers.get("Content-Length", 0))):
                file.write(piece)

    def _described(self) -> list[Path]:
        """Send the head of the answer for an object; the files that it consists of."""
        pieces = self._shelf.pieces(self._name())
        if not pieces:
            self._refuse(HTTPStatus.NOT_FOUND, "NoSuchKey")
            return []
        size = sum(piece.stat().st_size for piece in pieces)
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


def _pieces(body: BufferedIOBase, length: int) -> Iterator[bytes]:
    while length:
        piece = body.read(min(length, _PIECE))
        if not piece:
            raise ConnectionError("the client hung up")
        length -= len(piece)
        yield piece


def _tag(name: str) -> str:
    """A tag that is the same for one object: nothing is ever replaced."""
    return f'"{hashlib.sha256(name.encode()).hexdigest()[:32]}"'


def server(folder: Path) -> ThreadingHTTPServer:
    """A server on a free port; the caller serves and closes it."""
    folder.mkdir(parents=True, exist_ok=True)
    return ThreadingHTTPServer((LOOPBACK, 0), partial(Handler, Shelf(folder)))


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    listening = server(parser.parse_args(arguments).folder)
    print(listening.server_address[1], flush=True)
    listening.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
