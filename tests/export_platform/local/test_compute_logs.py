"""What a run prints is kept, and nobody is started to repeat it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.compute_log_manager import ComputeIOType

SAID = "a line that the export prints"
OURS = """
compute_logs:
  module: export_platform.local.compute_logs
  class: ComputeLogs
  config: {base_dir: %s}
"""


@contextmanager
def instance_in(folder: Path, settings: str) -> Iterator[dg.DagsterInstance]:
    """An instance with its settings in a folder."""
    text = f"telemetry: {{enabled: false}}\n{settings}"
    (folder / "dagster.yaml").write_text(text, encoding="utf-8")
    with dg.DagsterInstance.from_config(str(folder)) as made:
        yield made


def children() -> int:
    """How many processes are this one's own."""
    found = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text(encoding="utf-8").rpartition(")")
        except OSError:  # it has ended meanwhile
            continue
        found += int(rest.split()[1]) == os.getpid()
    return found


def run(instance: dg.DagsterInstance) -> tuple[str, int]:
    """A run that prints: its id, and how many processes were started for it."""
    before, seen = children(), list[int]()

    @dg.asset
    def entries() -> None:
        sys.stdout.write(f"{SAID}\n")
        seen.append(children() - before)

    return dg.materialize([entries], instance=instance).run_id, seen[0]


def kept(instance: dg.DagsterInstance, run_id: str) -> str:
    """What the Dagster page shows of the output of a run."""
    (captured,) = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED
    ).records
    data = captured.event_log_entry.get_dagster_event().logs_captured_data
    log_key = instance.compute_log_manager.build_log_key_for_run(run_id, data.file_key)
    assert instance.compute_log_manager.is_capture_complete(log_key)
    found, _ = instance.compute_log_manager.get_log_data_for_type(
        log_key, ComputeIOType.STDOUT, 0, None
    )
    return (found or b"").decode()


def test_what_a_run_prints_is_kept_without_another_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Four of them cost more than a small export, and a worker that is killed leaves some."""
    with instance_in(tmp_path, OURS % tmp_path) as instance:
        run_id, started = run(instance)

        assert SAID in kept(instance, run_id)
    assert started == 0
    assert SAID not in capfd.readouterr().out
    # Where Dagster's own would look for it.
    assert (tmp_path / "storage" / run_id / "compute_logs").is_dir()


def test_dagsters_own_starts_two_processes_a_stream(tmp_path: Path) -> None:
    """Negative control: once it does not, ours has no reason left."""
    with instance_in(tmp_path, "") as instance:
        run_id, started = run(instance)

        assert SAID in kept(instance, run_id)
    assert started == 4
