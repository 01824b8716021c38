"""Import modules and report what the importing did: run as a program, `quiet.py ROOT MODULE...`.

Prints one line for each environment variable read, file opened, socket or process or thread
made, and clock looked at by our own code while it was imported. Code of others is loaded first
and is not reported: a read counts as ours when the nearest frame that is not of the standard
library is a file below ROOT. Sockets and processes are refused, whoever asks.
"""

import importlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

STANDARD = (sysconfig.get_paths()["stdlib"], "<frozen")
PACKAGES = sysconfig.get_paths()["purelib"]
REFUSED = ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.fork")
WATCHED = ("open", "os.putenv", "os.mkdir", "os.listdir", "os.scandir")
CLOCKS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "now", "utcnow", "today"}


class Watch:
    """Remembers what the code below a folder does while it is watched."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.on = False
        self.seen: list[str] = []

    def note(self, what: str) -> None:
        """Remember an act, if it is ours."""
        if self.on and (culprit := self._ours()):
            self.seen.append(f"{culprit}: {what}")

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python's audit hook."""
        if self.on and event in REFUSED:
            self.note(event)
            raise PermissionError(f"{event} while importing")
        if self.on and event in WATCHED and not str(arguments[:1]).endswith((".pyc',)", ".py',)")):
            self.note(f"{event} {arguments[:1]}")

    def profile(self, _frame: FrameType, event: str, called: object) -> None:
        """Python's profile hook: the only way to see a look at the clock, or a thread."""
        name = getattr(called, "__name__", "") if event == "c_call" else ""
        if name in CLOCKS:
            self.note(f"clock {name}")
        elif name == "start_new_thread":
            self.note("thread")

    def _ours(self) -> str | None:
        for frame in _frames():
            file = frame.f_code.co_filename
            if file.startswith(PACKAGES) or "importlib" in file:
                return None
            if file.startswith(self.root) and file != __file__:
                return f"{Path(file).relative_to(self.root)}:{frame.f_lineno}"
            if not file.startswith(STANDARD) and file != __file__:
                return None
        return None


class Environment(dict[str, str]):
    """An environment that tells who reads it."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __getitem__(self, key: str) -> str:
        """Read one variable."""
        self._watch.note(f"environment {key}")
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Read one variable, or take the default."""
        self._watch.note(f"environment {key}")
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        """Ask whether a variable is set."""
        self._watch.note(f"environment {key}")
        return super().__contains__(key)


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame:
        yield frame
        frame = frame.f_back


def main(root: str, modules: list[str]) -> list[str]:
    """Import every module anew, forwards and backwards, and return what was seen.

    Each body runs once a direction: one that only works after another was loaded fails in one of
    them. Each alone, as if it were the first, took 31 s and saw nothing more.
    """
    sys.path.insert(0, root)
    for name in modules:  # others' code first: what it does at import is not our doing
        importlib.import_module(name)
    watch = Watch(root)
    sys.addaudithook(watch.audit)
    sys.dont_write_bytecode = True
    os.environ = Environment(watch)  # type: ignore[assignment]  # noqa: B003 - nothing is left to clear
    ours = {name.split(".")[0] for name in modules}
    for order in (modules, modules[::-1]):
        for loaded in [one for one in sys.modules if one.split(".")[0] in ours]:
            del sys.modules[loaded]
        watch.on = True
        sys.setprofile(watch.profile)
        for name in order:
            importlib.import_module(name)
        sys.setprofile(None)
        watch.on = False
    return sorted(set(watch.seen))


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in main(sys.argv[1], sys.argv[2:]))
