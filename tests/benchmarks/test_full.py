"""The sweep: from runs to a page and its pictures."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.contest import DRAIN, MONGOEXPORT, NODE, OURS, OURS_WHOLE, Run, Subject, run
from benchmarks.full import BEGIN, END, draw, measured, medians, put, report
from benchmarks.pictures import bars, lines
from tests.benchmarks.conftest import COUNT

SVG = "{http://www.w3.org/2000/svg}"


def _round(ours: float, theirs: float) -> dict[str, Run]:
    def took(seconds: float) -> Run:
        return Run(rows=1_000, bytes=2_000_000, seconds=seconds, cpu_seconds=0.5, peak_mb=80.0)

    return {
        OURS.name: took(ours),
        NODE.name: took(theirs),
        OURS_WHOLE.name: took(ours * 2),
        DRAIN.name: took(0.1),
    }


def test_a_page_shows_the_medians_and_the_ratios() -> None:
    """One slow round of a busy machine does not decide."""
    rounds = [_round(1.0, 2.0), _round(1.0, 2.0), _round(50.0, 50.0)]

    text = report({1_000: rounds}, "make bench")

    assert medians(rounds)[OURS.name].rows_per_second == 1_000
    assert "| ours | 1,000 | 2.0 | 500.00 | 80 | 1 |" in text
    assert f"| {NODE.name} | 500 | 1.0 | 500.00 | 80 | 2 |" in text
    assert "From the queue to the commit, 50% of" in text


def test_only_what_was_measured_is_replaced(tmp_path: Path) -> None:
    """The prose around it is people's."""
    page = tmp_path / "RESULTS.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")

    put("new", page)

    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_the_page_of_the_repository_has_its_marks() -> None:
    """Without them the figures would be appended to the prose."""
    text = (Path(__file__).parents[2] / "benchmarks/RESULTS.md").read_text(encoding="utf-8")

    assert text.count(BEGIN) == text.count(END) == 1
    assert text.index(BEGIN) < text.index(END)


def test_bars_are_as_long_as_their_values() -> None:
    """A picture that exaggerates is worse than a table."""
    drawn = ET.fromstring(bars("A & B", {"<ours>": 100.0, "theirs": 25.0}, "rows/s"))  # noqa: S314 - our own
    widths = [float(one.get("width", 0)) for one in drawn.findall(f"{SVG}rect")[1:]]

    assert widths[0] == pytest.approx(4 * widths[1], abs=0.2)
    assert drawn.findtext(f"{SVG}title") == "A & B"


def test_a_line_leaves_out_sizes_without_a_value() -> None:
    """The peers do not take part in the largest sizes; nothing is made up for them."""
    series: dict[str, list[float | None]] = {
        "ours": [80.0, 82.0, 81.0],
        "theirs": [100.0, 200.0, None],
    }
    drawn = ET.fromstring(lines("MB", [10, 100, 1_000], series, "MB"))  # noqa: S314 - our own

    assert len(drawn.findall(f"{SVG}circle")) == 5
    heights = [float(one.get("cy", 0)) for one in drawn.findall(f"{SVG}circle")]
    assert heights[4] < heights[3] < heights[0]  # higher up is more


def test_pictures_are_written_of_rounds_with_and_without_peers(tmp_path: Path) -> None:
    """The rows are compared where everybody took part."""
    large = [{name: one for name, one in _round(9.0, 9.0).items() if name != NODE.name}]

    draw({1_000: [_round(1.0, 2.0)], 5_000_000: large}, tmp_path)

    assert "1,000 entries" in (tmp_path / "rows.svg").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpu.svg", "memory.svg", "rows.svg"]


def test_a_sweep_measures_ours_and_the_wire_and_leaves_no_tapes(tmp_path: Path) -> None:
    """Above the peers' size these are what is left; the attempt really commits."""
    found = measured([300], tmp_path, rounds=1, peers_up_to=0)

    assert set(found[300][0]) == {OURS.name, OURS_WHOLE.name, DRAIN.name}
    assert {one.rows for one in found[300][0].values()} == {300}
    assert list(tmp_path.rglob("*.tape")) == []


def test_the_raw_socket_receives_every_byte_of_the_entries(uri: str, tmp_path: Path) -> None:
    """The limit that the others are held to must not be that of a part."""
    from_wire = run(DRAIN, uri, tmp_path)

    assert from_wire.rows == COUNT
    assert from_wire.bytes > COUNT * 2_000


def test_mongoexport_is_watched_from_outside(uri: str, tmp_path: Path) -> None:
    """It is not to be had everywhere; a program in its place shows that what it uses is counted."""
    stand_in = tmp_path / "mongoexport"
    stand_in.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys, time\n"
        "held = b'x' * 50_000_000\n"
        "began = time.process_time()\n"
        "while time.process_time() - began < 0.3: pass\n"
        "out = next(a for a in sys.argv if a.startswith('--out='))\n"
        "pathlib.Path(out.removeprefix('--out=')).write_text('_id\\n1\\n2\\n')\n",
        encoding="utf-8",
    )
    stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    command = MONGOEXPORT.command(tmp_path)
    env = {**os.environ, "MONGODB_URI": uri, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    found = Run(**json.loads(done.stdout))

    assert found.rows == 2
    assert found.cpu_seconds >= 0.3
    assert found.peak_mb > 50


def test_who_fails_is_named_with_what_it_said(uri: str, tmp_path: Path) -> None:
    """A peer that cannot run must not look like a slow one."""
    broken = Subject(name="broken", command=lambda _: [sys.executable, "-c", "raise OSError"])

    with pytest.raises(RuntimeError, match=r"broken failed:[^$]*OSError"):
        run(broken, uri, tmp_path)
