"""`python -m tests.faults.resume`: kill the worker of a large export at any instant, fifty times.

Each round is an export of its own whose first worker gets a SIGKILL; its successor must end with
the bytes of the export that nothing happened to, and make at most one finished chunk again.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from assets.model.lifecycle import TERMINAL, Status
from resources.mongo.connection import MongoConnection
from resources.wiring import environment
from tests.conftest import running_stack
from tests.faults import work
from tests.faults.company import slots
from tests.faults.slot import CLOCK, LARGE, LOOK_SECONDS, PATIENCE_SECONDS, Slot, multiply
from tests.waiting import eventually

# With the 1,100 of the slot: three chunks of 6,000 rows, each more than the smallest part.
MORE = 20_000
# A worker may have ended before its kill: on a busy machine nothing takes twice as long.
ROUNDS_A_KILL = 3


@dataclass(slots=True)
class Outcome:
    """What came of the rounds.

    Attributes:
        kills: Workers that were killed.
        went_on: Exports whose second attempt took chunks over.
        digests: Of all files of all exports.
        redone: The most finished chunks that one export made again.
        wrong: What must not be.
    """

    kills: int = 0
    went_on: int = 0
    digests: set[str] = field(default_factory=set)
    redone: int = 0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The figures in a line."""
        return (
            f"kills={self.kills} sha256={len(self.digests)} chunks_redone_max={self.redone} "
            f"went_on={self.went_on} wrong={len(self.wrong)}"
        )


class Rounds:
    """Exports one after another on a slot.

    Args:
        slot: Where.
        seed: The same seed draws the same instants.
    """

    def __init__(self, slot: Slot, seed: int) -> None:
        self._slot, self._draw = slot, random.Random(seed)  # noqa: S311 - to be replayed
        self._env = slot.env(LARGE)
        self.outcome = Outcome()
        connection = MongoConnection(
            uri=self._env[environment.MONGODB_URI],
            database=self._env[environment.MONGODB_DATABASE],
        )
        with closing(connection):
            multiply(connection.collection("entries"), MORE)

    def clean(self) -> float:
        """An export that nothing happens to; the seconds from its first chunk to its end."""
        export_id, log = self._begun()
        self._first_chunk(log)
        began = CLOCK.monotonic()
        self._judge(export_id, self._settled(export_id, log), log)
        return CLOCK.monotonic() - began

    def kill(self, seconds: float) -> None:
        """An export whose worker is killed up to so many seconds after its first chunk."""
        export_id, log = self._begun()
        worker = self._first_chunk(log)
        CLOCK.sleep(self._draw.uniform(0, seconds))
        worker.kill()
        worker.join()
        self.outcome.kills += worker.exitcode == -9
        self._judge(export_id, self._settled(export_id, log), log)

    def _begun(self) -> tuple[str, Path]:
        export_id = self._slot.asked(LARGE)
        log = self._slot.keys / export_id
        attempt = self._slot.dispatched(LARGE, export_id)
        self._slot.child(work.work_in_chunks, self._env, export_id, attempt, log)
        return export_id, log

    def _first_chunk(self, log: Path) -> BaseProcess:
        """The worker, once it has sent a chunk; on a busy machine it may have stopped itself."""
        worker = self._slot.workers[-1]
        eventually(lambda: self._cuts(log) or not worker.is_alive())
        return worker

    def _settled(self, export_id: str, log: Path) -> str:
        """Rescue and begin again until it has ended; its state."""
        life, until = self._slot.life(LARGE), CLOCK.monotonic() + PATIENCE_SECONDS
        while CLOCK.monotonic() < until:
            for dead in life.abandoned(after=None, limit=10):
                life.rescue(dead, 0.0)
            status = self._slot.found(LARGE, export_id)["status"]
            if status in TERMINAL:
                break
            if status == Status.QUEUED and (claimed := life.dispatch(export_id)):
                attempt = claimed["attempt"]
                self._slot.child(work.work_in_chunks, self._env, export_id, attempt, log)
            CLOCK.sleep(LOOK_SECONDS)
        for worker in self._slot.workers:
            worker.join(PATIENCE_SECONDS)
        return str(self._slot.found(LARGE, export_id)["status"])

    def _judge(self, export_id: str, status: str, log: Path) -> None:
        outcome, document = self.outcome, self._slot.found(LARGE, export_id)
        if status != Status.SUCCEEDED:
            outcome.wrong.append(f"{export_id} {status} {document.get('error')}")
            return
        told = document["result"]
        outcome.digests.add(self._slot.digest(LARGE, document))
        named = {told["manifestKey"], *(file["key"] for file in told["files"])}
        left = set(self._slot.left(LARGE, export_id)) - named
        outcome.wrong += [f"{export_id}: {sorted(left)} is left"] if left else []
        outcome.went_on += any(one["action"] == "went_on" for one in document["audit"])
        again = sum(times - 1 for times in Counter(self._cuts(log)).values())
        outcome.redone = max(outcome.redone, again)

    def _cuts(self, log: Path) -> list[str]:
        return log.read_text(encoding="ascii").split() if log.exists() else []


def rounds(slot: Slot, kills: int, seed: int) -> Outcome:
    """So many kills after one export that is left alone."""
    made = Rounds(slot, seed)
    seconds = made.clean()
    for _ in range(ROUNDS_A_KILL * kills):
        if made.outcome.kills == kills or made.outcome.wrong:
            break
        made.kill(seconds)
    return made.outcome


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 1 if there are two digests, or a chunk too many was made again, or something is left."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.resume")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    said = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_stack(folder / "stack") as stack, slots(1, dict(stack), folder) as places:
            outcome = rounds(places[0], said.kills, said.seed)
    for line in (*outcome.wrong, f"seed {said.seed}", outcome.line()):
        sys.stdout.write(f"{line}\n")
    right = len(outcome.digests) == 1 and outcome.redone <= 1 and outcome.kills == said.kills
    return int(bool(outcome.wrong) or not right)


if __name__ == "__main__":
    sys.exit(main())
