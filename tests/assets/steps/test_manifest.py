"""Verification: whatever is changed in a file or in a claim is found, from the files alone."""

import gzip
import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from assets.model.failure import ExportFailed
from assets.model.manifest import Accounting, FileEntry, Manifest
from assets.model.output import Compression, OutputFormat
from assets.model.request import ExportRequest
from assets.steps.encode.compression import Compressor, decompressed
from assets.steps.encode.delimited import CsvEncoder
from assets.steps.manifest import balance, content_digest, empty_reason, result, verify
from tests.assets.examples import request as asked_for
from tests.assets.workbench import workbench


@dataclass(frozen=True, kw_only=True)
class Export:
    """A manifest and the bytes of its files by number."""

    manifest: Manifest
    files: Mapping[int, bytes]

    def findings(self) -> list[str]:
        """What verification finds."""
        return [f"{f.subject}: {f.problem}" for f in verify(self.manifest, self.opened)]

    def opened(self, entry: FileEntry) -> Iterable[bytes]:
        """The bytes of a file in small pieces."""
        if entry.number not in self.files:
            raise FileNotFoundError
        body = self.files[entry.number]
        return (body[start : start + 97] for start in range(0, len(body), 97))

    def edited(self, **members: Any) -> "Export":
        """The same files under another manifest."""
        document = json.loads(self.manifest.to_bytes()) | members
        return replace(self, manifest=Manifest.from_document(document))


@cache
def export(compression: str) -> Export:
    """The waitlist of the hand-written pack."""
    bench = workbench()
    done = bench.run("waitlist", compression=compression)
    files = {entry.number: bench.body(entry.key) for entry in done.manifest.files}
    return Export(manifest=done.manifest, files=files)


@pytest.fixture(params=["none", "gzip"])
def sound(request: pytest.FixtureRequest) -> Export:
    """A sound export, plain and compressed."""
    return export(str(request.param))


def dice(seed: int) -> random.Random:
    """Chances that fall the same way in every run."""
    return random.Random(seed)  # noqa: S311 - nothing secret is drawn


def relabelled(sound: Export, body: bytes) -> Export:
    """Other bytes under a manifest that claims their digest: a forger who knows that much."""
    (entry,) = sound.manifest.files
    claimed = replace(entry, bytes=len(body), sha256=hashlib.sha256(body).hexdigest())
    return Export(manifest=replace(sound.manifest, files=(claimed,)), files={1: body})


def test_a_sound_export_has_no_findings(sound: Export) -> None:
    """A check that cries wolf is switched off."""
    assert [] == sound.findings()


def test_a_flipped_byte_is_found_wherever_it_is(sound: Export) -> None:
    """One bit on a disk, and a fan's place in the line is another."""
    body = sound.files[1]
    for place in dice(7).sample(range(len(body)), 40):
        harmed = bytearray(body)
        harmed[place] ^= 1
        assert replace(sound, files={1: bytes(harmed)}).findings()


def test_a_dropped_row_is_found_even_if_the_stored_digest_is_made_to_fit() -> None:
    """The content has a digest and a count of its own."""
    sound = export("none")
    lines = sound.files[1].split(b"\r\n")
    shorter = b"\r\n".join([*lines[:5], *lines[6:]])

    assert replace(sound, files={1: shorter}).findings()
    assert relabelled(sound, shorter).findings()


def test_of_a_file_that_is_too_large_to_read_the_digests_are_compared(sound: Export) -> None:
    """The check in Dagster must not take as long as the export; what it leaves is no byte."""
    (entry,) = sound.manifest.files
    accounting = replace(sound.manifest.accounting, written=entry.rows + 1)
    more = replace(entry, rows=entry.rows + 1)
    miscounted = replace(sound.manifest, files=(more,), accounting=accounting)
    harmed = bytearray(sound.files[1])
    harmed[-9] ^= 1

    def found(manifest: Manifest, most_rows: int) -> set[str]:
        findings = verify(manifest, sound.opened, most_rows=most_rows)
        return {finding.subject for finding in findings}

    assert {"accounting", entry.name} == found(miscounted, more.rows)
    assert {"accounting"} == found(miscounted, entry.rows)
    broken = replace(sound, files={1: bytes(harmed)})
    assert verify(sound.manifest, broken.opened, most_rows=entry.rows - 1)


def test_a_small_file_is_asked_for_once_and_no_longer_than_it_may_be(sound: Export) -> None:
    """A request takes longer than the look at a kilobyte; a file that has grown is not held."""
    asked: list[str] = []
    taken: list[int] = []

    def opened(entry: FileEntry) -> Iterable[bytes]:
        asked.append(entry.name)
        return sound.opened(entry)

    def endless(_: FileEntry) -> Iterable[bytes]:
        while True:
            taken.append(1)
            yield b"x"

    assert verify(sound.manifest, opened) == []
    assert len(asked) == 1
    assert verify(sound.manifest, endless)
    assert len(taken) == sound.manifest.files[0].bytes + 1


def test_a_large_file_is_read_once_and_no_further_than_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of its bytes and of what they hold the digests are made along the way."""
    monkeypatch.setattr("assets.steps.manifest.MOST_HELD", 0)
    sound = export("gzip")
    taken: list[int] = []

    def piecemeal(entry: FileEntry) -> Iterator[bytes]:
        for byte in sound.files[entry.number] + b"x" * 99:
            taken.append(byte)
            yield bytes([byte])

    (entry,) = sound.manifest.files
    findings = verify(sound.manifest, piecemeal, most_rows=entry.rows - 1)

    assert ["the stored bytes are not those written"] == [one.problem for one in findings]
    assert len(taken) == entry.bytes + 1


def test_what_cannot_be_unpacked_is_first_of_all_not_what_was_stored() -> None:
    """Whoever looks for the cause must know whether the store or the writer is to blame."""
    sound = export("gzip")
    body = b"x" + sound.files[1][1:]

    (stored,) = replace(sound, files={1: body}).findings()
    (written,) = relabelled(sound, body).findings()
    assert stored.endswith(": the stored bytes are not those written")
    assert written.endswith(": not readable: not_gzip")


def test_what_unpacks_to_more_than_was_written_is_unpacked_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kilobyte of gzip may hold a megabyte of nothing."""
    sound = export("gzip")
    body, unpacked = gzip.compress(bytes(1 << 26)), list[int]()

    def counted(chunks: Iterable[bytes], packing: Compression) -> Iterator[bytes]:
        for piece in decompressed(chunks, packing):
            unpacked.append(len(piece))
            yield piece

    monkeypatch.setattr("assets.steps.manifest.decompressed", counted)
    (claimed,) = relabelled(sound, body).manifest.files
    bomb = replace(sound.manifest, files=(claimed,))

    assert "the content is not what was written" in {
        finding.problem for finding in verify(bomb, lambda _: [body], most_rows=0)
    }
    assert len(unpacked) == 1


def test_a_missing_file_is_found(sound: Export) -> None:
    """A manifest that is there alone proves nothing."""
    assert ["the file is missing"] == [
        f.partition(": ")[2] for f in replace(sound, files={}).findings()
    ]


def test_a_truncated_file_is_found(sound: Export) -> None:
    """The end of a download that broke off is missing, and every row before it is right."""
    body = sound.files[1][:-20]

    assert replace(sound, files={1: body}).findings()
    assert relabelled(sound, body).findings()


@pytest.mark.parametrize("numbers", [[2], [1, 3], [1, 1], [2, 1], [0]])
def test_a_gap_in_the_numbers_of_the_files_is_found(numbers: list[int]) -> None:
    """A part taken off the list would take its rows with it."""
    sound = export("gzip")
    (entry,) = sound.manifest.files
    files = tuple(replace(entry, number=number) for number in numbers)

    found = replace(sound, manifest=replace(sound.manifest, files=files)).findings()

    assert "files: a file is missing from the list" in found


def test_an_extra_file_is_found_by_its_rows(sound: Export) -> None:
    """A file added to the list has rows that nobody read."""
    (entry,) = sound.manifest.files
    twice = replace(sound.manifest, files=(entry, replace(entry, number=2)))

    found = Export(manifest=twice, files={1: sound.files[1], 2: sound.files[1]}).findings()

    assert any(finding.startswith("accounting: ") for finding in found)


def test_a_changed_header_is_found_even_if_all_digests_are_made_to_fit() -> None:
    """Two columns that change their names change what every cell means."""
    sound = export("none")
    columns = list(sound.manifest.columns)
    columns[0], columns[1] = columns[1], columns[0]

    found = replace(sound, manifest=replace(sound.manifest, columns=tuple(columns))).findings()

    assert ["the header is not that of the columns"] == [f.partition(": ")[2] for f in found]


@pytest.mark.parametrize("member", ["expected", "read", "written"])
def test_a_changed_count_is_found(sound: Export, member: str) -> None:
    """Rows read are rows written, filtered or rejected, and a count agrees."""
    accounting = sound.manifest.accounting
    off = replace(accounting, **{member: getattr(accounting, member) + 1})

    found = replace(sound, manifest=replace(sound.manifest, accounting=off)).findings()

    assert any(finding.startswith("accounting: ") for finding in found)


@pytest.mark.parametrize(
    "change",
    [
        {"partition": "boreal-nights-2025"},
        {"options": {}},
        {"policy": {"mode": "masked", "grants": []}},
        {"format": {"kind": "xlsx"}},
        {"format": None},
        {"policy": {"mode": "everything", "grants": []}},
        {"type": "entries"},
    ],
    ids=str,
)
def test_a_changed_request_is_found(sound: Export, change: dict[str, Any]) -> None:
    """The same file under another request would say that other people had agreed to it."""
    asked = {**sound.manifest.request, **change}

    found = sound.edited(request=asked).findings()

    assert any(finding.startswith("request: ") for finding in found)


def test_a_changed_reason_is_no_other_request(sound: Export) -> None:
    """The reason does not decide the bytes, so it is not in the fingerprint."""
    assert [] == sound.edited(request={**sound.manifest.request, "reason": "another"}).findings()


def _harmed(sound: Export, thrown: random.Random) -> tuple[str, Export]:
    """The export with one thing wrong, and which."""
    body, manifest = bytearray(sound.files[1]), sound.manifest
    (entry,) = manifest.files
    place = thrown.randrange(len(body) - 1)
    kind = thrown.choice(["flip", "cut", "insert", "swap", "claim", "accounting", "fingerprint"])
    match kind:
        case "flip":
            body[place] ^= 1 << thrown.randrange(8)
        case "cut":
            del body[place : place + thrown.randint(1, 50)]
        case "insert":
            body[place:place] = thrown.randbytes(thrown.randint(1, 9))
        case "swap":
            body[place], body[place + 1] = body[place + 1], (body[place] + 1) % 256
        case "claim":
            name = thrown.choice(["rows", "bytes", "bytes_uncompressed"])
            harmed = replace(entry, **{name: getattr(entry, name) + thrown.choice([-1, 1])})
            return kind, replace(sound, manifest=replace(manifest, files=(harmed,)))
        case "accounting":
            off = replace(manifest.accounting, filtered={"made up": thrown.randint(90, 99)})
            return kind, replace(sound, manifest=replace(manifest, accounting=off))
        case _:
            other = f"sha256:{thrown.randbytes(32).hex()}"
            return kind, replace(sound, manifest=replace(manifest, fingerprint=other))
    return kind, replace(sound, files={1: bytes(body)})


def test_of_a_hundred_random_corruptions_a_hundred_are_found() -> None:
    """What is not found here would be found by a fan."""
    thrown = dice(20260320)
    cases = [_harmed(export(thrown.choice(["none", "gzip"])), thrown) for _ in range(100)]

    assert [] == [kind for kind, harmed in cases if not harmed.findings()]
    assert len({kind for kind, _ in cases}) == 7


def test_several_files_are_proved_one_by_one() -> None:
    """A split export is sound only if every part is."""
    sound = export("none")
    (entry,) = sound.manifest.files
    encoder = CsvEncoder([column.name for column in sound.manifest.columns], _output(sound))
    empty = encoder.header()
    assert Compressor(Compression.NONE).compress(empty) == empty
    second = replace(
        entry,
        number=2,
        rows=0,
        bytes=len(empty),
        sha256=hashlib.sha256(empty).hexdigest(),
        bytes_uncompressed=len(empty),
        sha256_uncompressed=hashlib.sha256(empty).hexdigest(),
    )
    both = Export(
        manifest=replace(sound.manifest, files=(entry, second)),
        files={1: sound.files[1], 2: empty},
    )

    assert [] == both.findings()
    assert 1 == len(replace(both, files={1: sound.files[1]}).findings())
    assert content_digest(both.manifest) != content_digest(sound.manifest)


def _output(of_export: Export) -> OutputFormat:
    return ExportRequest.from_document(of_export.manifest.request).output


def test_rows_that_do_not_add_up_are_worth_another_try() -> None:
    """The source may have changed while it was read."""
    with pytest.raises(ExportFailed) as failed:
        balance(Accounting(expected=5, read=4, kept=4, made=4, written=4), asked_for())

    assert ("ROWS_UNACCOUNTED", True) == (failed.value.code, failed.value.retryable)


@pytest.mark.parametrize(
    ("rejected", "stated", "fits"),
    [(10, None, True), (11, None, False), (11, 11, True), (1, 0, False)],
)
def test_more_rejects_than_allowed_are_not_worth_another_try(
    rejected: int, stated: int | None, fits: bool
) -> None:
    """The same documents would be wrong again."""
    accounting = Accounting(
        expected=100,
        read=100,
        kept=100 - rejected,
        made=100 - rejected,
        written=100 - rejected,
        rejected={"x": rejected},
    )

    asked = replace(asked_for(), max_rejects=stated)

    balance(accounting, replace(asked, allow_partial=True))
    if fits:
        balance(accounting, asked)
    else:
        with pytest.raises(ExportFailed) as failed:
            balance(accounting, asked)
        assert ("TOO_MANY_REJECTS", False) == (failed.value.code, failed.value.retryable)


def accounted(read: int, filtered: dict[str, int] | None = None) -> Accounting:
    """An accounting in which whatever is not filtered is written."""
    aside = filtered or {}
    written = read - sum(aside.values())
    return Accounting(
        expected=read, read=read, kept=written, made=written, written=written, filtered=aside
    )


@pytest.mark.parametrize(
    ("accounting", "reason"),
    [
        (accounted(0), "no_source_rows"),
        (accounted(2, filtered={"erased": 2}), "all_filtered"),
        (accounted(2), None),
    ],
)
def test_an_empty_file_says_why_it_is_empty(accounting: Accounting, reason: str | None) -> None:
    """No rows may mean no fans, or a filter that was mistyped."""
    assert reason == empty_reason(accounting)


def test_the_result_names_every_file_without_a_link(sound: Export) -> None:
    """Links are signed per click and never stored (DESIGN.md 3, rule 10)."""
    body = sound.manifest.to_bytes()

    shown = result(sound.manifest, key="k/_manifest.json", body=body)

    assert hashlib.sha256(body).hexdigest() == shown["manifestSha256"]
    assert (sound.manifest.rows, sound.manifest.size) == (shown["rows"], shown["bytes"])
    assert [sound.manifest.files[0].sha256] == [file["sha256"] for file in shown["files"]]
    assert "http" not in json.dumps(shown)
    assert shown["files"][0]["filename"].isascii()
