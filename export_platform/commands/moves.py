"""`list`, `cancel`, `retry` and `delete`: the exports there are, and what can be done with one."""

from typing import Annotated

import typer

from export_platform.commands.terminal import CommandError, notes, screen

_Id = Annotated[str, typer.Argument(metavar="ID", help="As `request` printed it.")]


def listing(
    *,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="This kind of export only.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="The key of one campaign.")] = None,
    status: Annotated[str | None, typer.Option(help="One state: succeeded, failed, …")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="What this token asked for.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
) -> None:
    """List exports, the newest first, one in a line."""
    from itertools import islice  # noqa: PLC0415

    from export_platform.commands.connection import bridge  # noqa: PLC0415 - 0.2 s
    from export_platform.commands.watching import described  # noqa: PLC0415

    said = {"type": kind, "campaign": campaign, "status": status, "mine": "true" if mine else None}
    filters = {name: value for name, value in said.items() if value is not None}
    with bridge() as client:
        for export in islice(client.exports(**filters), limit):
            screen().print(described(export))


def cancel(export_id: _Id) -> None:
    """Stop an export; its worker notices within seconds."""
    from export_platform.commands.connection import bridge  # noqa: PLC0415 - 0.2 s
    from export_platform.commands.watching import described  # noqa: PLC0415

    with bridge() as client:
        screen().print(described(client.cancel(export_id)))


def retry(export_id: _Id) -> None:
    """Make an export again that failed, was cancelled or has expired; it keeps its id."""
    from assets.model.policy import PII_SCOPES  # noqa: PLC0415
    from export_platform.commands.connection import bridge  # noqa: PLC0415 - 0.2 s
    from export_platform.commands.watching import described  # noqa: PLC0415

    # What it shows was decided when it was asked for; to have it again one must be allowed to.
    with bridge(more_scopes=PII_SCOPES) as client:
        screen().print(described(client.retry(export_id)))


def delete(
    export_id: _Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
) -> None:
    """Delete the files of an export for good; who asked for them stays on record."""
    from export_platform.commands.connection import bridge  # noqa: PLC0415 - 0.2 s

    if not yes and not typer.confirm("Delete its files for good?"):
        raise CommandError("nothing was deleted")
    with bridge() as client:
        client.delete(export_id)
    notes().print(f"deleted {export_id}")
