"""A promise in seconds is measured on machines that stand still now and then."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.waiting import Stopwatch, eventually

STOPPED = """
import sys
from tests.waiting import CLOCK, Stopwatch
began = CLOCK.monotonic()
with Stopwatch() as watch:
    print("begun", flush=True)
    sys.stdin.readline()
print(CLOCK.monotonic() - began - watch.seconds)
"""


def test_the_time_in_which_a_process_was_stopped_does_not_count() -> None:
    """Others need the processor, too, and a virtual machine is moved."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED],
        cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as stopped:  # fmt: skip
        assert stopped.stdin is not None and stopped.stdout is not None  # noqa: PT018 - for mypy
        assert stopped.stdout.readline() == "begun\n"
        stopped.send_signal(signal.SIGSTOP)
        time.sleep(1)
        stopped.send_signal(signal.SIGCONT)
        stopped.stdin.write("\n")
        stopped.stdin.flush()
        left_out = float(stopped.stdout.readline())

    assert left_out >= 0.9


def test_what_a_block_waits_for_counts() -> None:
    """The control: it would be no measure that left out the time-outs of what it measures."""

    def measured() -> bool:
        """Once, on a machine that goes on for half a second."""
        with Stopwatch() as watch:
            time.sleep(0.5)
        return watch.seconds >= 0.4

    assert eventually(measured)
