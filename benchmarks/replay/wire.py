"""The frames of MongoDB's wire protocol that a driver of today sends and reads.

MongoDB manual, "Wire Protocol": OP_MSG (opcode 2013) for everything, OP_QUERY (2004) and OP_REPLY
(1) for the first handshake of older drivers. BSON: bsonspec.org.
"""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

OP_REPLY: Final = 1
OP_QUERY: Final = 2004
OP_MSG: Final = 2013

HEADER: Final = struct.Struct("<iiii")  # length, id, id of what is answered, opcode
FLAGS: Final = struct.Struct("<I")
_LENGTH: Final = struct.Struct("<i")
_REPLY: Final = struct.Struct("<iqii")  # flags, cursor, position, number of documents
_CHECKSUM: Final = 1
_MORE_TO_COME: Final = 2
_EXHAUST_ALLOWED: Final = 1 << 16
_BODY, _SEQUENCE = 0, 1
_MOST: Final = 48_000_000  # bytes of a message, as hello says

# Instants stay counts of milliseconds: the export asks for some beyond the year 9999.
OPTIONS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_MS
)


class Broken(Exception):
    """What came is no message of the protocol, or one that is not spoken here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a client wants.

    Attributes:
        number: The id of its message, which the answer names.
        body: The command; its first field is its name.
        legacy: Whether it came as OP_QUERY and is answered by OP_REPLY.
        answered: False where the client waits for no answer.
        streamed: Whether a batch may be followed by the next ones unasked.
    """

    number: int
    body: dict[str, Any]
    legacy: bool = False
    answered: bool = True
    streamed: bool = False


def receive(connection: socket.socket) -> Command | None:
    """The next command of a client; None when it has hung up.

    Raises:
        Broken: It is none.
    """
    message = whole(connection)
    return None if message is None else command(message[: HEADER.size], message[HEADER.size :])


def whole(connection: socket.socket) -> bytes | None:
    """The next message, header and all; None when the other side has hung up.

    Raises:
        Broken: It is longer than any.
    """
    header = exactly(connection, HEADER.size)
    if header is None:
        return None
    length, _, _, _ = HEADER.unpack(header)
    if not HEADER.size < length <= _MOST:
        raise Broken("a message of this length is not sent")
    content = exactly(connection, length - HEADER.size)
    return None if content is None else header + content


def has_more(head: bytes) -> bool:
    """Whether the sender of a message wants no answer, or will send another one unasked.

    Args:
        head: Header and flags at least.
    """
    is_message = HEADER.unpack_from(head)[3] == OP_MSG
    return is_message and bool(FLAGS.unpack_from(head, HEADER.size)[0] & _MORE_TO_COME)


def command(header: bytes, content: bytes) -> Command:
    """The command of a message.

    Raises:
        Broken: It is none.
    """
    _, number, _, opcode = HEADER.unpack(header)
    match opcode:
        case 2013:
            return _message(number, content)
        case 2004:
            return _query(number, content)
    raise Broken(f"opcode {opcode} is not spoken")


def exactly(connection: socket.socket, count: int) -> bytes | None:
    """So many bytes; None when the other side hung up before."""
    content = bytearray(count)
    view = memoryview(content)
    while view:
        received = connection.recv_into(view)
        if not received:
            return None
        view = view[received:]
    return bytes(content)


def reply(command: Command, document: Mapping[str, Any]) -> bytes:
    """The message that answers a command."""
    body = bson.encode(document)
    if command.legacy:
        return _framed(OP_REPLY, command.number, _REPLY.pack(8, 0, 0, 1) + body)
    return _framed(OP_MSG, command.number, FLAGS.pack(0) + bytes([_BODY]) + body)


def batch(
    command: Command, *, field: str, cursor: int, namespace: str, length: int
) -> tuple[bytes, bytes]:
    """What stands before and behind the elements of a batch, in the order in which mongod sends it.

    Args:
        command: What is answered.
        field: `firstBatch` or `nextBatch`.
        cursor: Its id, 0 at the end.
        namespace: Database and collection.
        length: Bytes of the elements.
    """
    name = namespace.encode() + b"\0"
    after = (
        b"\0"  # ends the array
        b"\x12id\0"
        + struct.pack("<q", cursor)
        + b"\x02ns\0"
        + _LENGTH.pack(len(name))
        + name
        + b"\0"  # ends the cursor
    )
    end = b"\x01ok\0" + struct.pack("<d", 1.0) + b"\0"
    opened = b"\x04" + field.encode() + b"\0" + _LENGTH.pack(4 + length + 1)
    inside = b"\x03cursor\0" + _LENGTH.pack(4 + len(opened) + length + len(after)) + opened
    whole = 4 + len(inside) + length + len(after) + len(end)
    more = _MORE_TO_COME if command.streamed and cursor else 0
    head = FLAGS.pack(more) + bytes([_BODY]) + _LENGTH.pack(whole) + inside
    framed = HEADER.size + FLAGS.size + 1 + whole
    return HEADER.pack(framed, 0, command.number, OP_MSG) + head, after + end


def cursor_of(tail: bytes) -> int:
    """The cursor of a batch, from its last bytes: mongod sends it behind the documents."""
    start = tail.rindex(b"\x12id\0") + 4
    return int.from_bytes(tail[start : start + 8], "little", signed=True)


def message(number: int, body: Mapping[str, Any]) -> bytes:
    """The message of a client that sends a command."""
    content = FLAGS.pack(0) + bytes([_BODY]) + bson.encode(body)
    return HEADER.pack(HEADER.size + len(content), number, 0, OP_MSG) + content


def _framed(opcode: int, answered: int, content: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(content), 0, answered, opcode) + content


def _message(number: int, content: bytes) -> Command:
    (flags,) = FLAGS.unpack_from(content)
    end = len(content) - (4 if flags & _CHECKSUM else 0)  # TCP has a checksum of its own
    place, body, sequences = FLAGS.size, {}, {}
    while place < end:
        kind = content[place]
        (length,) = _LENGTH.unpack_from(content, place + 1)
        section = content[place + 1 : place + 1 + length]
        if kind == _BODY:
            body = bson.decode(section, OPTIONS)
        elif kind == _SEQUENCE:
            name, _, documents = section[_LENGTH.size :].partition(b"\0")
            sequences[name.decode()] = bson.decode_all(documents, OPTIONS)
        else:
            raise Broken(f"a section of kind {kind} is not spoken")
        place += 1 + length
    if not body:
        raise Broken("a message without a command")
    return Command(
        number=number,
        body={**body, **sequences},
        answered=not flags & _MORE_TO_COME,
        streamed=bool(flags & _EXHAUST_ALLOWED),
    )


def _query(number: int, content: bytes) -> Command:
    """OP_QUERY: flags, a name that ends in NUL, two numbers, the command."""
    start = content.index(b"\0", 4) + 1 + 8
    (length,) = _LENGTH.unpack_from(content, start)
    body = bson.decode(content[start : start + length], OPTIONS)
    return Command(number=number, body=body, legacy=True)
