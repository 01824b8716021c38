"""The memory of parts: bounded, filled again, and sent without a copy."""

import hashlib
from concurrent.futures import Future
from threading import Thread

from resources.part_buffers import Body, PartBuffers

SIZE = 8
HELD = [memoryview(bytearray(b"abcdefgh")), memoryview(bytearray(b"ijkl----"))]
WRITTEN = b"abcdefghijkl"


def test_what_is_given_back_is_taken_again() -> None:
    """A new one has its pages to touch."""
    buffers = PartBuffers(SIZE, 2)
    first = buffers.take()
    first[:] = b"abcdefgh"
    buffers.give_back([first])

    assert buffers.take() is first


def test_who_wants_more_than_there_are_waits() -> None:
    """Until one is given back."""
    buffers, taken = PartBuffers(SIZE, 2), Future[memoryview]()
    first, _ = buffers.take(), buffers.take()
    Thread(target=lambda: taken.set_result(buffers.take()), daemon=True).start()

    assert not taken.done()
    buffers.give_back([first])
    assert taken.result(10) is first


def test_a_body_is_read_a_buffer_at_a_time_and_again_from_any_place() -> None:
    """Each piece is one call to send it, and what was sent in vain is sent again."""
    body = Body(HELD, len(WRITTEN))

    assert [bytes(piece) for piece in iter(body.read, b"")] == [WRITTEN[:8], WRITTEN[8:]]
    assert body.tell() == len(body) == len(WRITTEN)
    body.seek(3)
    assert b"".join(iter(body.read, b"")) == WRITTEN[3:]


def test_a_digest_is_of_all_and_reads_nothing() -> None:
    """It goes into the head of the request, which is sent before the body."""
    body = Body(HELD, len(WRITTEN))

    assert body.sha256() == hashlib.sha256(WRITTEN).digest()
    assert body.tell() == 0


def test_nothing_is_a_body_too() -> None:
    """A file without rows and without a header has no bytes."""
    assert len(Body([], 0)) == 0
    assert Body([], 0).read() == b""
