"""What the object store promises."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ClassVar
from urllib.parse import unquote

import pytest

from resources.errors import AlreadyExists, Refused
from resources.object_store import ObjectStore, Sent, Upload

CSV = "text/csv; charset=utf-8"


class Interrupted(BaseException):
    """Stands for a stop signal: not an ``Exception``."""


class ObjectStoreContract:
    """The suite; a subclass gives the fixtures.

    ``store``: a store. ``folder``: a prefix that nobody else uses, ending in a slash. ``large``:
    bytes that are three parts and a bit. ``unfinished``: how many uploads are neither completed nor
    aborted under the folder.
    """

    doors: ClassVar = (ObjectStore, Upload)

    def test_a_stored_object_can_be_described_and_read(
        self, store: ObjectStore, folder: str
    ) -> None:
        """The digest that the store gives back is the one of the bytes."""
        stored = store.put(folder + "a.csv", b"a;b\r\n", media_type=CSV)

        assert stored.key == folder + "a.csv"
        assert stored.bytes == 5
        assert stored.sha256 == hashlib.sha256(b"a;b\r\n").hexdigest()
        assert store.head(folder + "a.csv") == stored
        assert b"".join(store.read(folder + "a.csv")) == b"a;b\r\n"

    def test_what_is_not_there_is_not_there(self, store: ObjectStore, folder: str) -> None:
        """Absence is an answer of ``head`` and an error of ``read``."""
        assert store.head(folder + "none") is None
        assert list(store.keys(folder)) == []
        assert store.remove(folder) == 0
        with pytest.raises(Refused):
            list(store.read(folder + "none"))

    def test_an_object_is_never_replaced(self, store: ObjectStore, folder: str) -> None:
        """A zombie worker that wakes up late cannot overwrite a published file."""
        store.put(folder + "a", b"first", media_type=CSV)

        for body in (b"second", b"first"):
            with pytest.raises(AlreadyExists):
                store.put(folder + "a", body, media_type=CSV)
            with pytest.raises(AlreadyExists), store.upload(folder + "a", media_type=CSV) as late:
                late.write(body)

        assert b"".join(store.read(folder + "a")) == b"first"

    def test_an_upload_in_parts_never_replaces_either(
        self, store: ObjectStore, folder: str, large: bytes, unfinished: Callable[[], int]
    ) -> None:
        """The condition must hold at completion, which is minutes after the start."""
        late = store.upload(folder + "a", media_type=CSV)

        def lose_the_race() -> None:
            with late:
                late.write(large)
                store.put(folder + "a", b"first", media_type=CSV)

        with pytest.raises(AlreadyExists):
            lose_the_race()

        assert late.stored is None
        assert b"".join(store.read(folder + "a")) == b"first"
        assert unfinished() == 0

    def test_one_of_many_writers_wins(self, store: ObjectStore, folder: str) -> None:
        """Two workers that both believe to hold the lease: one file, and it is one of theirs."""

        def write(number: int) -> int | None:
            try:
                store.put(folder + "a", bytes([number]), media_type=CSV)
            except AlreadyExists:
                return None
            return number

        with ThreadPoolExecutor(6) as pool:
            won = [one for one in pool.map(write, range(6)) if one is not None]

        assert len(won) == 1
        assert b"".join(store.read(folder + "a")) == bytes(won)

    @pytest.mark.parametrize("size", [0, 1, 1000])
    def test_a_small_upload_is_one_put(
        self, store: ObjectStore, folder: str, size: int, large: bytes
    ) -> None:
        """A header-only file costs one request, and an empty export is a file."""
        body = large[: min(size, len(large) // 8)]
        with store.upload(folder + "a", media_type=CSV, metadata={"export": "exp_1"}) as upload:
            upload.write(body)

        assert upload.upload_id is None
        assert upload.stored is not None
        assert upload.stored.bytes == len(body)
        assert upload.stored.sha256 == hashlib.sha256(body).hexdigest()
        assert b"".join(store.read(folder + "a")) == body

    @pytest.mark.parametrize("pieces", [1, 7, 50])
    def test_a_large_upload_appears_whole(
        self, store: ObjectStore, folder: str, large: bytes, pieces: int
    ) -> None:
        """However the bytes come, they are stored in order, and only when all are there."""
        step = len(large) // pieces + 1
        with store.upload(folder + "a", media_type=CSV) as upload:
            for start in range(0, len(large), step):
                upload.write(large[start : start + step])
            assert upload.upload_id is not None
            assert store.head(folder + "a") is None
            assert list(store.keys(folder)) == []

        assert upload.stored is not None
        assert upload.stored.bytes == len(large)
        described = store.head(folder + "a")
        assert described is not None
        assert described.bytes == len(large)
        assert described.sha256 in {None, hashlib.sha256(large).hexdigest()}
        assert b"".join(store.read(folder + "a")) == large

    @pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt, Interrupted])
    def test_an_upload_that_is_left_leaves_nothing(
        self,
        store: ObjectStore,
        folder: str,
        unfinished: Callable[[], int],
        *,
        large: bytes,
        stop: type[BaseException],
    ) -> None:
        """Whatever ends the writer, no partial file and no paid-for parts stay behind."""
        upload = store.upload(folder + "a", media_type=CSV)

        def write_and_stop() -> None:
            with upload:
                upload.write(large)
                raise stop

        with pytest.raises(stop):
            write_and_stop()

        assert upload.stored is None
        assert store.head(folder + "a") is None
        assert unfinished() == 0

    def test_keys_come_in_order_under_their_prefix(self, store: ObjectStore, folder: str) -> None:
        """Retention and verification walk through a folder."""
        for name in ("b", "a/2", "a/1", "a"):
            store.put(folder + name, b"x", media_type=CSV)

        assert list(store.keys(folder)) == [folder + one for one in ("a", "a/1", "a/2", "b")]
        assert list(store.keys(folder + "a/")) == [folder + "a/1", folder + "a/2"]

    def test_removing_a_folder_spares_its_neighbour(self, store: ObjectStore, folder: str) -> None:
        """Attempt 1 must not take attempt 10 along."""
        for name in ("a1/x", "a1/y", "a10/x"):
            store.put(folder + name, b"x", media_type=CSV)

        assert store.remove(folder + "a1/") == 2
        assert list(store.keys(folder)) == [folder + "a10/x"]
        with pytest.raises(ValueError, match="ends in"):
            store.remove(folder + "a1")

    def test_removing_a_folder_ends_its_unfinished_uploads(
        self, store: ObjectStore, folder: str, large: bytes, unfinished: Callable[[], int]
    ) -> None:
        """A killed worker cannot abort its own upload; the sweep does."""
        abandoned = store.upload(folder + "a", media_type=CSV)
        abandoned.write(large)
        assert unfinished() == 1
        assert list(store.keys(folder)) == []
        assert list(store.keys(folder, unfinished=True)) == [folder + "a"]

        assert store.remove(folder) == 1
        assert unfinished() == 0

    def test_a_link_says_how_the_file_is_called(self, store: ObjectStore, folder: str) -> None:
        """The name is ours and safe: no header can be injected, no folder left."""
        hostile = '../ä"b\r\nSet-Cookie: x=1;.csv'

        link = store.sign(folder + "a", seconds=60, filename=hostile)

        assert folder + "a" in unquote(link)
        assert not set('\r\n" ') & set(link)
        assert "Set-Cookie:" not in unquote(link)
        assert "b_Set-Cookie_x_1_.csv" in unquote(link)

    @pytest.mark.parametrize("seconds", [0, -1, 3601, 10**9])
    def test_a_link_that_lives_too_long_is_not_made(
        self, store: ObjectStore, folder: str, seconds: int
    ) -> None:
        """A link is a password for a file of fans; it ends within the hour."""
        with pytest.raises(ValueError, match="lives"):
            store.sign(folder + "a", seconds=seconds, filename="a.csv")

    def test_a_closed_store_opens_again(self, store: ObjectStore, folder: str) -> None:
        """A resource that is torn down twice, or used once more, must not break a run."""
        store.close()
        store.close()

        assert store.head(folder + "none") is None

    def test_an_upload_that_is_kept_can_be_gone_on_with(
        self, store: ObjectStore, folder: str, large: bytes, unfinished: Callable[[], int]
    ) -> None:
        """A worker dies, and the next one sends the rest: what both sent is one object."""
        cut = (len(large) - 17) * 2 // 3  # two parts
        first = store.upload(folder + "a", media_type=CSV)
        first.write(large[:cut])
        parts = [part.result() for part in first.cut() or ()]
        first.kept = True
        with suppress(RuntimeError), first:
            raise RuntimeError
        assert unfinished() == 1
        assert sum(part.bytes for part in parts) == cut

        sent = Sent(upload_id=first.upload_id or "", parts=tuple(parts))
        resumed = store.upload(folder + "a", media_type=CSV, behind=sent)
        there = resumed.holds()
        with resumed as second:
            second.write(large[cut:])

        assert there == len(parts)
        assert b"".join(store.read(folder + "a")) == large
        assert second.parts()[: len(parts)] == tuple(parts)
        assert unfinished() == 0
        assert store.upload(folder + "a", media_type=CSV, behind=sent).holds() is None

    def test_a_part_that_was_sent_again_is_seen(
        self, store: ObjectStore, folder: str, large: bytes, unfinished: Callable[[], int]
    ) -> None:
        """Neither is it taken for the first one, nor is an object made of it."""
        upload = store.upload(folder + "a", media_type=CSV)
        upload.write(large)
        upload.kept = True
        parts = [part.result() for part in upload.cut(last=True) or ()]
        name = upload.upload_id or ""
        first = Sent(upload_id=name, parts=tuple(parts[:1]))
        other = store.upload(folder + "a", media_type=CSV, behind=first)
        other.write(bytes(reversed(large[parts[0].bytes :])))
        other.cut(last=True)
        other.parts()

        assert upload.holds() == 1
        with pytest.raises(Refused), upload:
            pass
        assert store.head(folder + "a") is None
        assert unfinished() == 1

    def test_with_a_reserve_every_cut_finds_enough(
        self, store: ObjectStore, folder: str, large: bytes
    ) -> None:
        """Else most chunks would end within the shortest part, and be of no use to anybody."""
        upload = store.upload(folder + "a", media_type=CSV)
        upload.reserve = upload.shortest
        written, ends = 0, list[int]()
        with upload:
            while written + upload.shortest < len(large):
                piece = large[written : written + upload.shortest * 11 // 10]
                upload.write(piece)
                written += len(piece)
                ends.append(sum(part.result().bytes for part in upload.cut() or ()))
                assert ends[-1] == written
            upload.write(large[written:])

        assert len(ends) > 1
        assert b"".join(store.read(folder + "a")) == large

    def test_a_part_that_would_be_too_short_is_not_cut(
        self, store: ObjectStore, folder: str
    ) -> None:
        """Only the last part of an object may be as short as it likes."""
        with store.upload(folder + "a", media_type=CSV) as upload:
            upload.write(b"a")
            assert upload.cut() is None

        assert upload.upload_id is None
        assert b"".join(store.read(folder + "a")) == b"a"

    def test_named_objects_stay_when_a_folder_is_removed(
        self, store: ObjectStore, folder: str
    ) -> None:
        """What is published stays, what lies beside it goes."""
        for name in ("a", "b"):
            store.put(folder + name, b"x", media_type=CSV)

        assert store.remove(folder, but={folder + "a"}) == 1
        assert list(store.keys(folder)) == [folder + "a"]
