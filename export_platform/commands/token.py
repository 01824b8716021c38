"""`token`: an access token that the embedded bridge accepts."""

from typing import Annotated

import typer

from export_platform.commands.terminal import deployment


def token(
    scope: Annotated[
        list[str] | None, typer.Option(help="What it allows; repeatable. Default: ask and fetch.")
    ] = None,
    campaign: Annotated[
        list[str] | None, typer.Option(help="Key of a campaign it is for; repeatable; `*` is all.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Whom the audit trail names.")] = "developer",
    minutes: Annotated[int, typer.Option(min=1, max=60, help="How long it lives.")] = 60,
) -> None:
    """Print a development token; only the bridge of this folder accepts it."""
    from export_platform.local.issuer import BASE_SCOPES  # noqa: PLC0415

    issued = deployment().issuer.token(
        scopes=scope or BASE_SCOPES,
        campaigns=campaign or ("*",),
        subject=subject,
        minutes=minutes,
    )
    typer.echo(issued)
