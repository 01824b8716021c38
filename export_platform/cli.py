"""The command line: a table of contents; what each command does stands in `commands/`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from export_platform.commands import (
    decode,
    demo,
    doctor,
    exports,
    indexes,
    kinds,
    mongo,
    moves,
    platform,
    seed,
    stack,
    token,
    verify,
)
from export_platform.commands.terminal import OneLineErrors

if TYPE_CHECKING:
    from export_platform.settings import Settings


def _settings(env: Mapping[str, str]) -> "Settings":
    """The settings of the platform; reading them loads Dagster."""
    from export_platform.settings import settings  # noqa: PLC0415 - 1 s

    return settings(env)


main = typer.Typer(
    name="export-platform",
    help="Exports of fan-registration campaigns: verified files, on real processes.",
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

main.command()(demo.demo)
main.command()(platform.up)
main.command()(platform.down)
main.command(name="ps")(platform.processes)
main.command()(seed.seed)
main.command()(indexes.indexes)
main.command()(doctor.command(_settings))
main.command()(token.token)
main.command()(kinds.types)
main.command()(exports.request)
main.command()(exports.status)
main.command(name="list")(moves.listing)
main.command()(exports.download)
main.command()(moves.cancel)
main.command()(moves.retry)
main.command()(moves.delete)
main.command()(verify.verify)
main.command()(decode.decode)
main.add_typer(stack.app, name="stack")
main.add_typer(mongo.app, name="mongo")
