"""Damages documents by the million under the address and undefined-behaviour sanitizers.

    python -m tests.assets.steps.native.fuzz --documents 10000000

It compiles the kernel with both sanitizers, starts itself again with them loaded, and lets the
kernel convert damaged entries; one document in a thousand is compared with the Python path.
"""

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import hatch_build
from tests.assets.steps.native.both import Both, mangled, usual
from tests.assets.steps.native.test_other_kinds import PLAIN, sides

BATCH = 2_000
COMPARED = 2  # of each batch
_LOADED = "KERNEL_UNDER_SANITIZERS"
_SANITIZERS = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)


def fuzz(documents: int, seed: int) -> int:
    """Convert so many damaged documents; returns how many the kernel judged by itself."""
    draw = random.Random(seed)  # noqa: S311 - the same documents each time
    kinds = [Both(), *map(sides, PLAIN)]  # by turns: each reads what the others do not
    pool, judged, done = list(usual()), 0, 0
    while done < documents:
        both = kinds[done // BATCH % len(kinds)]
        whole = draw.choices(pool, k=BATCH)
        batch = [mangled(raw, draw) for raw in whole]
        judged += both.usual(batch)
        for place in draw.sample(range(BATCH), COMPARED):
            raw = batch[place]
            if both.differing([raw]) or both.differing([whole[place], raw]):  # alone, and met
                raise SystemExit(f"seed {seed}: the paths differ on {raw!r}")
        # What is sound though damaged is damaged further.
        pool = [*usual(), *(raw for raw in batch[:40] if both.usual([raw]))]
        done += BATCH
        if done % 1_000_000 == 0:
            print(f"{done:,} documents, {judged:,} judged by the kernel", flush=True)
    return judged


def load(extension: Path) -> None:
    """Make an extension the one that the kernel is."""
    name = "assets.steps.native._rows"
    spec = importlib.util.spec_from_file_location(name, extension)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{extension} is no extension")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


def under_sanitizers(arguments: Sequence[str]) -> int:
    """Compile, and run this program again with the sanitizers loaded first."""
    library = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"],  # noqa: S607 - whichever compiler there is
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        extension = Path(folder) / "_rows.abi3.so"
        if not hatch_build.compiled(hatch_build.SOURCES[0], extension, *_SANITIZERS):
            return 1
        environment = {
            **os.environ,
            _LOADED: str(extension),
            "LD_PRELOAD": library,
            "PYTHONMALLOC": "malloc",  # each document an allocation of its own, with a red zone
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        command = [sys.executable, "-m", "tests.assets.steps.native.fuzz", *arguments]
        return subprocess.run(command, env=environment, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Fuzz, and say how much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    if _LOADED not in os.environ:
        return under_sanitizers(arguments)
    load(Path(os.environ[_LOADED]))
    judged = fuzz(given.documents, given.seed)
    print(f"{given.documents:,} damaged documents, {judged:,} judged by the kernel, no finding")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
