"""`export-platform doctor`: what it prints, and with which exit code."""

import json
from collections.abc import Callable, Mapping

from tests.export_platform.commands.shell import Said


def test_what_is_wrong_is_said_with_what_mends_it(
    run: Callable[..., Said], stack: Mapping[str, str]
) -> None:
    """Exit code 1, so that a pipeline stops; no value of a variable is printed."""
    secret = "made up secret"
    said = run("doctor", "--json", env={**stack, "SFMC_CLIENT_SECRET": secret, "AWS_REGION": ""})

    found = {one["subject"]: one for one in json.loads(said.out)}
    assert said.code == 1
    assert not found["bucket of the exports"]["good"]
    assert "AWS_REGION" in found["bucket of the exports"]["says"]
    assert found["Marketing Cloud"]["remedy"]
    assert secret not in said.out


def test_a_person_gets_a_line_for_each(run: Callable[..., Said]) -> None:
    """Without any variable nothing is reached, and each line says what is not set."""
    nothing = dict.fromkeys(("MONGODB_URI", "EXPORTS_BUCKET", "ATHENA_STAGING"), "")
    said = run("doctor", env=nothing)

    lines = said.out.splitlines()
    assert said.code == 1
    assert any(line.split()[0] == "WRONG" and "MONGODB_URI" in line for line in lines)
    assert any(line.split()[0] == "ok" and "settings" in line for line in lines)


def test_without_a_local_platform_it_says_so(run: Callable[..., Said]) -> None:
    """`--local` is about the platform of this folder."""
    said = run("doctor", "--local")

    assert said.code == 1
    assert "no stack was ever started" in said.err
