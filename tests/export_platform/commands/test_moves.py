"""`list`, `cancel`, `retry`, `delete` and `request --estimate` at a running bridge."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.api_bridge.bench import GOOD_PARAMS, Bench, running_bench
from tests.api_bridge.toys import TOYS
from tests.export_platform.commands.shell import Said

Run = Callable[..., Said]


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bridge over the toy catalogue."""
    with running_bench(tmp_path_factory.mktemp("bridge"), TOYS) as running:
        yield running


@pytest.fixture
def bench(module_bench: Bench) -> Bench:
    """The same with nothing stored."""
    module_bench.clear()
    return module_bench


@pytest.fixture
def env(bench: Bench) -> Mapping[str, str]:
    """What points the commands at it."""
    return {"EXPORT_BRIDGE_URL": f"http://127.0.0.1:{bench.port}", "EXPORT_TOKEN": bench.token()}


def test_exports_are_listed_newest_first_and_filtered(
    bench: Bench, run: Run, env: Mapping[str, str]
) -> None:
    """More than a page of them: who looks for the oldest must not think it never was."""
    ids = []
    for number in range(1, 61):
        bench.clock.advance(1)
        ids.append(bench.create(top_n=number))  # identical ones would share one fate
    failed = bench.fail(ids[0])

    def listed(*words: str) -> list[str]:
        return [line.split()[0] for line in run("list", *words, env=env).out.splitlines()]

    assert listed("--limit", "100") == ids[::-1]
    assert listed() == ids[:9:-1]
    assert listed("--status", "failed") == [failed]
    assert listed("--type", "guests", "--limit", "1") == ids[-1:]
    assert run("list", "--status", "nonsense", env=env).code == 1


def test_an_export_is_cancelled_retried_and_deleted(
    bench: Bench, run: Run, env: Mapping[str, str]
) -> None:
    """Each says what became of it; the id stays the same."""
    export_id = bench.create()

    assert "cancelled" in run("cancel", export_id, env=env).out
    assert f"{export_id} guests.2 queued" in run("retry", export_id, env=env).out
    assert "queued" in bench.document(export_id)["status"]
    run("cancel", export_id, env=env)
    assert run("delete", export_id, "--yes", env=env).code == 0
    assert "gone" in run("status", export_id, env=env).complaint


def test_nothing_is_deleted_without_a_yes(bench: Bench, run: Run, env: Mapping[str, str]) -> None:
    """The control: an answer that is not given is a no."""
    export_id = bench.fail(bench.create())

    assert run("delete", export_id, env=env).code == 1
    assert bench.document(export_id).get("deletedAt") is None
    assert run("status", export_id, env=env).out.startswith(export_id)


def test_what_is_not_possible_now_says_so(bench: Bench, run: Run, env: Mapping[str, str]) -> None:
    """The bridge's own words, in one line."""
    export_id = bench.create()

    assert "has not ended" in run("delete", export_id, "--yes", env=env).complaint
    assert "Not possible" in run("retry", export_id, env=env).complaint


def test_an_estimate_asks_for_nothing(bench: Bench, run: Run, env: Mapping[str, str]) -> None:
    """Before and after there was an export like it."""
    campaign = GOOD_PARAMS["campaign_id"]
    first = run("request", "guests", campaign, "--estimate", env=env)
    bench.finish(bench.create())
    second = run("request", "guests", campaign, "--estimate", env=env)

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert "nobody can tell" in first.out
    assert "s of work" in second.out
    assert len(bench.documents()) == 1
