"""`types` and `request` at a bridge with the real catalogue."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from assets.exports.catalog import CATALOG
from tests.api_bridge.bench import Bench, running_bench
from tests.export_platform.commands.shell import Said

Run = Callable[..., Said]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bridge with nothing behind it."""
    with running_bench(tmp_path_factory.mktemp("bridge"), CATALOG) as running:
        yield running


@pytest.fixture
def env(bench: Bench) -> Mapping[str, str]:
    """What points the commands at it."""
    token = bench.token(scope="exports:read exports:create:* pii:masked")
    return {"EXPORT_BRIDGE_URL": f"http://127.0.0.1:{bench.port}", "EXPORT_TOKEN": token}


def test_the_list_has_a_line_for_each_kind(run: Run, env: Mapping[str, str]) -> None:
    """Which export one wants is decided by its summary; the options come later."""
    said = run("types", env=env)

    lines = said.out.splitlines()
    assert ["name", "summary", "scope"] == lines[0].split()
    assert len(lines) == 1 + len(CATALOG)
    for kind in CATALOG.values():
        assert any(line.startswith(kind.name) and kind.summary in line for line in lines)
    assert "types NAME" in said.err


@pytest.mark.parametrize("name", CATALOG)
def test_one_kind_shows_its_columns_and_options(
    run: Run, env: Mapping[str, str], name: str
) -> None:
    """Classes say what a token must allow, options what can be chosen."""
    said = run("types", name, env=env)

    columns, options = (_lines(part) for part in said.out.split("\n\n")[1:])
    for column in CATALOG[name].static_columns:
        shown = columns[column.name]
        assert column.pii.name.lower().replace("_", " ") in shown
        assert shown.endswith(str(column.format.kind))
    for option in CATALOG[name].options:
        assert option.description in options[option.name]
        if isinstance(option.default, list | tuple):
            assert f" {','.join(option.default)} " in options[option.name]
    assert "rfc4180" in options["dialect"]
    assert "campaign_id" not in options


def _lines(text: str) -> dict[str, str]:
    """Lines of a table by their first word."""
    return {line.split()[0]: line for line in text.splitlines()}


def test_a_table_is_wrapped_to_the_terminal(run: Run, env: Mapping[str, str]) -> None:
    """A row that runs over the edge is not a row any more; a pipe gets one line each."""
    narrow = {**env, "FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "60"}
    name = next(iter(CATALOG))

    wrapped, piped = run("types", env=narrow).out, run("types", name, env=env).out

    assert max(map(len, wrapped.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines())) <= 60
    assert max(map(len, piped.splitlines())) > 80
    assert "\x1b" not in piped
    assert all(line == line.rstrip() for line in piped.splitlines())


@pytest.mark.parametrize("words", [("types", "nope"), ("request", "nope", "aurora-lights")])
def test_an_unknown_kind_is_answered_with_those_there_are(
    run: Run, env: Mapping[str, str], words: tuple[str, ...]
) -> None:
    """A typing error should not need another command."""
    complaint = run(*words, env=env).complaint

    for kind in CATALOG.values():
        assert kind.versioned in complaint


def test_a_request_takes_the_words_of_its_help(
    run: Run, env: Mapping[str, str], bench: Bench
) -> None:
    """The help lists the values; they must be the bridge's own."""
    name = next(iter(CATALOG))
    words = ("request", name, "aurora-lights", "--dialect", "sfmc", "--pii", "none")

    said = run(*words, "-o", "compression=none", env=env)

    assert 0 == said.code, said.err
    stored = bench.document(said.out.strip())["request"]
    assert ("sfmc", "none") == (stored["format"]["dialect"], stored["format"]["compression"])
    assert "none" == stored["policy"]["mode"]


def test_the_campaign_is_an_argument_and_no_option(run: Run, env: Mapping[str, str]) -> None:
    """Said twice, one of the two would be ignored in silence."""
    words = ("request", next(iter(CATALOG)), "aurora-lights", "-o")

    assert "argument after TYPE" in run(*words, "campaign_id=northern-sky", env=env).complaint
    assert "campaign_id" not in run(*words, "campaign=x", env=env).complaint


def test_the_help_of_a_request_lists_what_can_be_said(run: Run) -> None:
    """`<list[str]>` tells a person nothing."""
    shown = run("request", "--help", env={"COLUMNS": "200"}).out

    for word in ("rfc4180", "excel-eu", "sfmc", "masked", "hashed", "NAME=VALUE"):
        assert word in shown
    assert "list[" not in shown
    assert "list[" not in run("token", "--help").out
