"""What runs print, in files of a deployment on one machine, named in `dagster.yaml`.

Dagster's own keeps it in the same files and repeats it on the output of the worker: by a `tail` for
each of the two streams, and a Python process for each `tail` that ends it should the worker die.
These four processes take more of the processor than a small export itself.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import (
    IO_TYPE_EXTENSION,
    LocalComputeLogManager,
)
from dagster._serdes import ConfigurableClassData


class ComputeLogs(LocalComputeLogManager):
    """Files below `storage` of a folder, where Dagster's own has them by default.

    Args:
        base_dir: Where they lie.
        polling_timeout: Seconds between two looks for more, for who watches them.
        inst_data: As Dagster gives it.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """As Dagster makes it from `dagster.yaml`."""
        base_dir = str(Path(config_value["base_dir"]) / "storage")
        return cls(inst_data=inst_data, **{**config_value, "base_dir": base_dir})

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Keep what the process prints within the block, and print it nowhere else."""
        output, errors = (self._file(log_key, kind) for kind in ComputeIOType)
        with redirect_to_file(sys.stdout, output), redirect_to_file(sys.stderr, errors):
            yield CapturedLogContext(list(log_key))
        Path(self.complete_artifact_path(log_key)).touch()

    def _file(self, log_key: Sequence[str], kind: ComputeIOType) -> str:
        path = self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return path
