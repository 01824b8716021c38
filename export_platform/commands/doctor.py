"""`doctor`: what is wrong with a deployment, seen from where it runs, and what to do."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from export_platform.commands.terminal import deployment, show_table

if TYPE_CHECKING:
    from export_platform.doctor.examination import Reading
    from export_platform.doctor.finding import Finding


def command(read: "Reading") -> Callable[..., None]:
    """The command.

    Args:
        read: Reads the settings of the platform, which stand above all commands.
    """

    def doctor(
        write: Annotated[
            bool, typer.Option("--write", help="Also make and delete an object, as a run does.")
        ] = False,
        local: Annotated[
            bool, typer.Option("--local", help="The platform that `up` started on this machine.")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Look at settings, versions, MongoDB, S3, Athena, services; exit code 1 if one is wrong.

        Without --local it looks with the variables of this process: run it where the platform runs.
        """
        if local:
            # boto3 finds credentials in the environment, as it does in production.
            os.environ.update(deployment().stack.environment())
        _tell(_findings(read, write=write), as_json=as_json)

    return doctor


def _findings(read: "Reading", *, write: bool) -> "list[Finding]":
    from export_platform.doctor.examination import examine  # noqa: PLC0415 - pymongo, boto3
    from resources.clock import SystemClock  # noqa: PLC0415

    return examine(os.environ, SystemClock(), read=read, write=write)


def _tell(findings: "list[Finding]", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], indent=2))
    else:
        _show(findings)
    if not all(one.good for one in findings):
        raise typer.Exit(1)


def _show(findings: "list[Finding]") -> None:
    """A line for each."""
    from rich.table import Table  # noqa: PLC0415 - 0.05 s

    table = Table("", "looked at", "found", "what to do", box=None)
    for one in findings:
        table.add_row("ok" if one.good else "WRONG", one.subject, one.says, one.remedy)
    show_table(table)
