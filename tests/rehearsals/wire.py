"""MongoDB's wire protocol, as far as who stands between a driver and a server must read it."""

import socket
import struct
from collections.abc import Mapping
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument

# The head of a message: its length, its own id, the id that it answers, its kind.
HEAD = struct.Struct("<iiii")
OP_REPLY, OP_MSG = 1, 2013
# Before the document: flags and the kind of the section; flags, cursor, and two counts.
_BEFORE_DOCUMENT = {OP_MSG: 5, OP_REPLY: 20}


def message(near: socket.socket) -> bytes:
    """The next message; empty at the end."""
    head = _exactly(near, HEAD.size)
    return head + _exactly(near, HEAD.unpack(head)[0] - HEAD.size) if head else b""


def _exactly(near: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = near.recv(size - len(found))
        if not piece:
            return b""
        found += piece
    return found


def identity(said: bytes) -> int:
    """The id of a message."""
    return int(HEAD.unpack_from(said)[1])


def answered(said: bytes) -> int:
    """The id of the message that this one answers."""
    return int(HEAD.unpack_from(said)[2])


def command(said: bytes) -> str | None:
    """The name of a command; None of the handshake, which has an older form."""
    if HEAD.unpack_from(said)[3] != OP_MSG:
        return None
    # After flags and kind: the length of the document, and the type of its first field.
    return said[HEAD.size + 10 :].partition(b"\0")[0].decode()


def document(said: bytes) -> Mapping[str, Any]:
    """The document of an answer, or of a command; rows of a bulk write come after it."""
    place = _place(said)
    size = int.from_bytes(said[place : place + 4], "little")
    # Raw: what stands deeper in it may be nothing that Python can hold, and goes on as it came.
    return RawBSONDocument(said[place : place + size])


def told(said: bytes, other: Mapping[str, Any]) -> bytes:
    """The same answer with another document."""
    _, own, to, kind = HEAD.unpack_from(said)
    return _packed(own, to, kind, said[HEAD.size : _place(said)] + bson.encode(other))


def reply(to: bytes, answer: Mapping[str, Any]) -> bytes:
    """An answer to a command."""
    return _packed(0, identity(to), OP_MSG, b"\0" * _BEFORE_DOCUMENT[OP_MSG] + bson.encode(answer))


def _place(said: bytes) -> int:
    return HEAD.size + _BEFORE_DOCUMENT[HEAD.unpack_from(said)[3]]


def _packed(own: int, to: int, kind: int, body: bytes) -> bytes:
    return HEAD.pack(HEAD.size + len(body), own, to, kind) + body
