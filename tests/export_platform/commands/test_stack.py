"""`stack`: from nothing to running servers, and back."""

from collections.abc import Callable
from pathlib import Path

from export_platform.local.stack import Stack
from tests.export_platform.commands.shell import Said

Run = Callable[..., Said]


def test_the_stack_starts_stops_and_forgets(run: Run, home: Path) -> None:
    """The four commands, as the first page of the manual tells them; each may be repeated."""
    try:
        assert 1 == run("stack", "status").code
        assert 0 == run("stack", "up").code
        assert 0 == run("stack", "up").code
        up = run("stack", "status")
        assert (0, 6) == (up.code, up.out.count("healthy"))
        assert 0 == run("stack", "down").code
        assert 0 == run("stack", "down").code
        down = run("stack", "status")
        assert (1, 6) == (down.code, down.out.count("stopped"))
        assert 0 == run("stack", "reset", "--yes").code
        assert not (home / "mongo").exists()
    finally:
        Stack(home).down()


def test_a_reset_asks_first(run: Run, home: Path) -> None:
    """It removes all data; a slip of the fingers must not."""
    kept = home / "mongo" / "data"
    kept.mkdir(parents=True)

    assert 0 != run("stack", "reset").code
    assert kept.exists()
