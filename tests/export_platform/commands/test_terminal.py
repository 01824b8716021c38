"""How the command line starts and how it complains."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.export_platform.commands.shell import Said

Run = Callable[..., Said]


def test_help_names_every_command(run: Run) -> None:
    """The help is the table of contents of the platform."""
    said = run("--help")

    assert 0 == said.code
    for command in ("demo", "up", "down", "stack", "seed", "token", "types", "request", "verify"):
        assert command in said.out


def test_help_loads_nothing_heavy() -> None:
    """A command line that imports Dagster to print its help is too slow to be asked."""
    heavy = ["dagster", "polars", "pymongo", "boto3", "duckdb", "requests", "bson", "rich.progress"]
    script = (
        "import sys, time, export_platform.cli\n"
        f"print([name for name in {heavy!r} if name in sys.modules])\n"
        "print(time.process_time())"
    )

    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )

    loaded, seconds = result.stdout.splitlines()
    assert "[]" == loaded
    assert float(seconds) < 10


@pytest.mark.parametrize(
    ("words", "code", "remedy"),
    [
        (["nonsense"], 2, "export-platform --help"),
        (["request", "waitlist"], 2, "request --help"),
        (["token", "--minutes", "61"], 2, "token --help"),
        (["seed", "--pack", "nonsense"], 1, "tiny, nasty, small"),
        (["seed", "--pack", "tiny", "--entries", "5"], 1, "size of its own"),
        (["verify", "nowhere"], 1, "_manifest.json"),
        (["types"], 1, "make up"),
        (["token", "--scope", "exports:write"], 2, "exports:read, exports:create:*"),
        (["token", "--scope", "exports:create:"], 2, "token --help"),
        (["token", "--scope", "pii:full,pii:masked"], 2, "token --help"),
        (["token", "--campaign", "Aurora Lights"], 2, "lower-case"),
        (["token", "--campaign", "ab"], 2, "3 to 80"),
        (["request", "waitlist", "x", "--dialect", "tsv"], 2, "excel-eu"),
        (["request", "waitlist", "x", "--pii", "some"], 2, "masked"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    run: Run, words: list[str], code: int, remedy: str
) -> None:
    """A traceback tells a person nothing, and may show what should not be seen."""
    said = run(*words)

    assert remedy in said.complaint
    assert code == said.code


def test_a_bridge_without_a_token_is_refused(run: Run) -> None:
    """A token of the embedded platform has no business at another bridge."""
    said = run("types", env={"EXPORT_BRIDGE_URL": "https://bridge.example"})

    assert "EXPORT_TOKEN" in said.complaint


@pytest.mark.parametrize(
    "url", ["http://bridge.example", "ftp://127.0.0.1", "bridge", "http://127.0.0.1.example"]
)
def test_a_token_is_not_sent_where_others_could_read_it(run: Run, url: str) -> None:
    """Plain HTTP shows the token to everybody on the way."""
    said = run("types", env={"EXPORT_BRIDGE_URL": url, "EXPORT_TOKEN": "secret"})

    assert "https" in said.complaint
    assert "secret" not in said.err


def test_a_failed_start_names_the_log(run: Run, home: Path) -> None:
    """The reason stands in the log of the process, so that is what a person must be told."""
    home.mkdir()
    (home / "mongo").write_text("a file where the server wants its folder", encoding="utf-8")

    said = run("stack", "up")

    assert str(home) in said.complaint
    assert 1 == said.code
    run("stack", "down")
