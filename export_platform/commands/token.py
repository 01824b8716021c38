"""`token`: an access token that the embedded bridge accepts."""

import re
from typing import Annotated

import typer

from assets.model.option import SLUG_PATTERN
from export_platform.commands.terminal import deployment
from export_platform.local.issuer import BASE_SCOPES, SCOPES

_CREATE_ONE = re.compile(r"exports:create:[a-z0-9-]+")
_KEY = re.compile(SLUG_PATTERN)


def _checked_scopes(given: list[str] | None) -> list[str] | None:
    for scope in given or ():
        if scope not in SCOPES and not _CREATE_ONE.fullmatch(scope):
            raise typer.BadParameter(f"there are: {', '.join(SCOPES)}; for * also one export")
    return given


def _checked_campaigns(given: list[str] | None) -> list[str] | None:
    for key in given or ():
        if key != "*" and not _KEY.fullmatch(key):
            raise typer.BadParameter(
                "a key has 3 to 80 lower-case letters, digits and hyphens; '*' is all"
            )
    return given


def token(
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            callback=_checked_scopes,
            help=f"What it allows; repeatable. There are: {', '.join(SCOPES)};"
            f" for * also one export. Default: {', '.join(BASE_SCOPES)}.",
        ),
    ] = None,
    campaign: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            callback=_checked_campaigns,
            help="Key of a campaign it is for; repeatable; '*' (quoted) is all. Default: all.",
        ),
    ] = None,
    subject: Annotated[str, typer.Option(help="Whom the audit trail names.")] = "developer",
    minutes: Annotated[int, typer.Option(min=1, max=60, help="How long it lives.")] = 60,
) -> None:
    """Print a development token; only the bridge of this folder accepts it."""
    issued = deployment().issuer.token(
        scopes=scope or BASE_SCOPES,
        campaigns=campaign or ("*",),
        subject=subject,
        minutes=minutes,
    )
    typer.echo(issued)
