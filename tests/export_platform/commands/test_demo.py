"""The demo's table: it is read by people who have not seen it before."""

import pytest

from assets.model.manifest import Manifest
from export_platform.commands.client import Export
from export_platform.commands.counting import Expected
from export_platform.commands.demo import Outcome, counted, show
from tests.export_platform.commands.made import CONTENT, manifest


def _outcome(made: Manifest, expected: Expected | None) -> Outcome:
    body = {"id": "exp_1", "type": "waitlist.1", "status": "succeeded", "done": True}
    return Outcome(
        export=Export.from_wire(body), manifest=made, counted=counted(made, expected), problems=()
    )


def test_the_table_explains_itself_and_is_plain_text_in_a_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`33/44` leaves open which is which; colours and padding do not belong into a log."""
    made = manifest([CONTENT])
    sha256 = made.files[0].sha256[:12]

    show([_outcome(made, Expected(read=1_060, kept=3)), _outcome(made, None)])

    _, header, first, second = capsys.readouterr().out.splitlines()
    assert ["export", "rows", "bytes", "independent", "count", "seconds"] == header.split()[:6]
    assert header.endswith("sha256 begins")
    assert [
        "waitlist.1",
        "3",
        str(len(CONTENT)),
        "3",
        "of",
        "1,060",
        "read",
        "0.0",
        sha256,
    ] == first.split()
    assert "3 by its own count" in second
    assert not any("\x1b" in line or line != line.rstrip() for line in (header, first, second))
