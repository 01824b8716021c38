"""`up` and `down`: the whole platform on this machine."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from export_platform.commands.hints import program, shown
from export_platform.commands.seed import Pack
from export_platform.commands.stack import show_status
from export_platform.commands.terminal import (
    deployment,
    ended_by_sigterm,
    home,
    notes,
    screen,
)

if TYPE_CHECKING:
    from export_platform.local.deployment import Deployment, Places

# A process that died is noticed within this; looking costs a few milliseconds.
_LOOK_EVERY_SECONDS = 5


def up(
    pack: Pack = "tiny",
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, and stop everything on Ctrl-C.")
    ] = False,
) -> None:
    """Start servers, Dagster and the bridge, with a seeded campaign, and leave them running."""
    local = deployment()
    try:
        show_places(start(local, pack))
        if foreground:
            _stay(local)
    finally:
        if foreground:
            local.down()


def down() -> None:
    """Stop everything that `up` started; the data stays."""
    deployment().down()
    screen().print(f"all stopped; data stays in {shown(home())}")


def processes() -> None:
    """Show each process of the platform; exit code 1 unless all are healthy."""
    found = deployment().status()
    show_status(found)
    if any(each.state != "healthy" for each in found):
        raise typer.Exit(1)


def start(local: "Deployment", pack: str) -> "Places":
    """Start what does not run, and write the pack unless it is there."""
    from export_platform.commands.seed import ensure, named  # noqa: PLC0415

    dataset = named(pack)
    # Seeded before Dagster starts: then its first look already finds the campaigns.
    ensure(dataset, local.stack.up())
    with notes().status("starting Dagster and the bridge"):
        return local.up()


def show_places(places: "Places") -> None:
    """Say where to look, and what to type next."""
    from assets.exports.catalog import CATALOG  # noqa: PLC0415 - 0.2 s

    page = f"{places.dagster_url}/assets/exports/{next(iter(CATALOG))}?view=lineage"
    console = screen()
    console.print(f"bridge   {places.bridge_url}")
    console.print(f"Dagster  {places.dagster_url}   lineage: {page}")
    console.print(f"logs     {places.logs}")
    console.print(f"exports  {program()} types")
    console.print(f"token    {program()} token")
    console.print(f"curl     export BRIDGE={places.bridge_url}")
    console.print(f"stop it  {program()} down")


def _stay(local: "Deployment") -> None:
    """Wait for Ctrl-C or SIGTERM; what dies meanwhile is started again."""
    from resources.clock import SystemClock  # noqa: PLC0415

    clock = SystemClock()
    with ended_by_sigterm(), suppress(KeyboardInterrupt):
        while True:
            clock.sleep(_LOOK_EVERY_SECONDS)
            if any(each.state == "stopped" for each in local.status()):
                notes().print("a process has ended; starting it again")
                local.up()
