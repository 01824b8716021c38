"""Wait for exports, with a bar for each: rows done of rows there are."""

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING

from export_platform.commands.client import BridgeClient, Export
from export_platform.commands.hints import program
from export_platform.commands.terminal import CommandError, notes
from resources.clock import Clock

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Half a second is felt as live; after a minute of it, the pace that the bridge answers for ever.
_LOOK_EVERY_SECONDS = 0.5
_LOOKS = 120
_LATER_EVERY_SECONDS = 2.0


def watch(
    client: BridgeClient, exports: Sequence[Export], clock: Clock, *, seconds: float | None = None
) -> list[Export]:
    """Wait until every export has ended.

    Args:
        client: Of the bridge that has them.
        exports: Which ones.
        clock: For the pauses.
        seconds: How long at most; None is for ever, for a person can press Ctrl-C.

    Raises:
        CommandError: The time is over.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeElapsedColumn(),
    )
    until = None if seconds is None else clock.monotonic() + seconds
    console = notes()
    hidden = not console.is_terminal  # a log would show every frame as a line
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        tasks = {e.id: bars.add_task(e.type, total=1.0, shown=e.status) for e in exports}
        latest = {export.id: export for export in exports}
        pauses = chain(repeat(_LOOK_EVERY_SECONDS, _LOOKS), repeat(_LATER_EVERY_SECONDS))
        while True:
            for export in [each for each in latest.values() if not each.done]:
                latest[export.id] = client.export(export.id)
            for export in latest.values():
                _show(bars, tasks[export.id], export)
            if all(export.done for export in latest.values()):
                return [latest[export.id] for export in exports]
            if until is not None and clock.monotonic() > until:
                raise CommandError(_late(latest.values(), seconds))
            clock.sleep(next(pauses))


def described(export: Export) -> str:
    """An export in one line."""
    return f"{export.id} {export.type} {export.status} {_rows(export)}".rstrip()


def _show(bars: "Progress", task: "TaskID", export: Export) -> None:
    done = 1.0 if export.done else export.ratio or 0.0
    bars.update(task, completed=done, shown=f"{export.status} {_rows(export)}")
    if export.done:
        bars.stop_task(task)


def _rows(export: Export) -> str:
    if export.rows is not None:
        return f"{export.rows:,} rows{', partial' if export.partial else ''}"
    if export.rows_total is not None:
        return f"{export.rows_done:,} of {export.rows_total:,} rows"
    return ""


def _late(exports: Iterable[Export], seconds: float | None) -> str:
    shown = ", ".join(f"{e.type} is {e.status}" for e in exports if not e.done)
    return f"not done after {seconds:g} s: {shown}; read the logs that `{program()} ps` names"
