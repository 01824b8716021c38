"""The manifest: what it says is stored and read back exactly, and rows must add up."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model.manifest import Accounting, ColumnEntry, FileEntry, Manifest
from tests.assets.examples import request

MANIFEST = Manifest(
    export_id="exp_66560000000000000000e001",
    attempt=2,
    run_id="run-1",
    request=request().to_document(),
    fingerprint=request().fingerprint(),
    code_version="1.2.3",
    git_sha="0" * 40,
    snapshot_at="2026-03-20T12:00:00Z",
    zone="America/New_York",
    columns=(ColumnEntry(name="email", type="email", source="e.x", pii="D", transform="none"),),
    withheld=("risk_band",),
    accounting=Accounting(
        expected=10,
        read=10,
        kept=6,
        made=6,
        written=6,
        filtered={"erased": 3},
        rejected={"x:wrong_type": 1},
    ),
    files=tuple(
        FileEntry(
            number=number,
            key=f"exports/entries/v1/campaign=c/export=e/a2-0badcafe/part-{number:05d}.csv.gz",
            rows=3,
            bytes=100 + number,
            sha256="ab" * 32,
            bytes_uncompressed=1000,
            sha256_uncompressed="cd" * 32,
        )
        for number in (1, 2)
    ),
    queries=({"id": "q-1", "bytesScanned": 7},),
    stated={"completeness_until_utc": "2026-03-13T00:00:00.000Z"},
    expires_at="2026-04-19T12:00:00Z",
    previous="ef" * 32,
)
COUNTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 50), max_size=3)


def document() -> dict[str, Any]:
    """The manifest as a receiver parses it."""
    parsed: dict[str, Any] = json.loads(MANIFEST.to_bytes())
    return parsed


def test_a_stored_manifest_is_read_back_as_it_was() -> None:
    """A receiver checks what was written, not what a second reading makes of it."""
    assert MANIFEST == Manifest.from_document(document())


def test_the_stored_form_holds_every_field_to_the_innermost() -> None:
    """`asdict` says the same, and copies all of it first."""
    stored = document()

    del stored["manifestVersion"]
    assert json.loads(json.dumps(asdict(MANIFEST))) == stored


def test_the_stored_form_is_the_same_for_equal_manifests() -> None:
    """Its own digest stands on the export document and in the next manifest."""
    again = Manifest.from_document(document())

    assert MANIFEST.to_bytes() == again.to_bytes()
    assert MANIFEST.to_bytes().endswith(b"}\n")


@pytest.mark.parametrize("version", [None, 0, 1, 3, "2", 1.5])
def test_a_manifest_of_another_version_is_refused(version: object) -> None:
    """Members may mean something else there, and a proof of something else is none."""
    with pytest.raises(ValueError, match="version 2"):
        Manifest.from_document({**document(), "manifestVersion": version})


def test_a_manifest_without_a_version_is_refused() -> None:
    """Any JSON object could pass for one."""
    parsed = document()
    del parsed["manifestVersion"]

    with pytest.raises(ValueError, match="version 2"):
        Manifest.from_document(parsed)


@pytest.mark.parametrize(
    ("place", "member"),
    [
        ((), "signature"),
        (("accounting",), "lost"),
        (("files", 0), "url"),
        (("columns", 0), "example"),
    ],
)
def test_an_unknown_member_is_refused_wherever_it_stands(
    place: tuple[str | int, ...], member: str
) -> None:
    """A claim that the reader does not know cannot be verified, so it must not pass unseen."""
    parsed: Any = document()
    node = parsed
    for step in place:
        node = node[step]
    node[member] = "x"

    with pytest.raises(ValueError, match="one too many"):
        Manifest.from_document(parsed)


@pytest.mark.parametrize("member", sorted(set(document()) - {"manifestVersion"}))
def test_a_member_of_a_wrong_kind_or_missing_is_refused_or_has_a_default(member: str) -> None:
    """A manifest that was cut or edited must not half-read."""
    optional = {"queries", "cluster_time", "expires_at", "previous"}
    parsed = document()
    del parsed[member]

    if member in optional - {"queries"}:
        assert getattr(Manifest.from_document(parsed), member) is None
    elif member == "stated":  # younger than the first manifests of this version
        assert Manifest.from_document(parsed).stated == {}
    else:
        with pytest.raises(ValueError, match="lacks a member"):
            Manifest.from_document(parsed)


@pytest.mark.parametrize("parsed", [None, 7, "text", [], [1], {}])
def test_json_that_is_no_manifest_is_refused_as_such(parsed: Any) -> None:
    """`verify` is pointed at any file; it must say what is wrong rather than fall over."""
    with pytest.raises(ValueError, match="manifest"):
        Manifest.from_document(parsed)


def test_rows_and_bytes_are_those_of_all_files() -> None:
    """The document and the page show the sums."""
    assert (6, 203) == (MANIFEST.rows, MANIFEST.size)
    assert "part-00002.csv.gz" == MANIFEST.files[1].name


@given(written=st.integers(0, 100), filtered=COUNTS, rejected=COUNTS, notes=COUNTS)
def test_rows_that_add_up_are_balanced(
    written: int, filtered: dict[str, int], rejected: dict[str, int], notes: dict[str, int]
) -> None:
    """Notes are about rows that are written, so they do not count."""
    read = written + sum(filtered.values()) + sum(rejected.values())
    accounting = Accounting(
        expected=read,
        read=read,
        kept=written,
        made=written,
        written=written,
        filtered=filtered,
        rejected=rejected,
        notes=notes,
    )

    assert accounting.imbalance() is None
    assert sum(rejected.values()) == accounting.rejects


@given(
    member=st.sampled_from(["expected", "read", "written"]),
    wrong=st.integers(-20, 20).filter(lambda by: by != 0),
)
def test_one_row_too_many_or_too_few_is_an_imbalance(member: str, wrong: int) -> None:
    """A partial file is never a success (DESIGN.md 3, rule 6)."""
    sound = MANIFEST.accounting

    off = replace(sound, **{member: getattr(sound, member) + wrong})

    assert off.imbalance() is not None


@pytest.mark.parametrize("member", ["filtered", "rejected"])
def test_a_negative_count_does_not_hide_a_missing_row(member: str) -> None:
    """Sums of made-up numbers can be made to fit; a count below nothing is no count."""
    same_sum: Any = {"erased": sum(getattr(MANIFEST.accounting, member).values()) + 2, "ghost": -2}

    forged = replace(MANIFEST.accounting, **{member: same_sum})

    assert forged.imbalance() is not None
