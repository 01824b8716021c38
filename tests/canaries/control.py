"""The control of the whole round: in a copy of the sources guards are taken away, one for each way.

What is forced there must be found in every sink, or finding nothing elsewhere would mean nothing.
`python -m tests.canaries.control` in the copy says in which sinks something was found.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from export_platform.commands.terminal import ended_by_sigterm
from tests.canaries import outdoors
from tests.canaries.places import canary, every
from tests.canaries.sinks import Sinks
from tests.faults.patched import copied, run, taken_away

COPIED: Final = (
    *("resources", "assets", "sensors", "export_platform", "api_bridge", "tests"),
    *("pyproject.toml", "dagster.yaml", "workspace.yaml"),
)
# File, what guards, and what stands there instead.
GUARDS: Final = (
    # A door says what it attempted, never what was answered: the document, Dagster's events and
    # the bridge show that to people.
    (
        "resources/http_json.py",
        "raise _refusal(status, seconds_asked(answer.headers, self._clock.now()))",
        'raise Refused("ECHOED", answer.text)',
    ),
    # What a worker prints is kept as it is.
    (
        "assets/attempt.py",
        "        retryable = isinstance(error, Unavailable)",
        "        retryable = bool(print(error))",
    ),
    # Metrics, log and spans of the bridge name the template of a route, never a path.
    (
        "api_bridge/middleware/answers.py",
        'route=getattr(scope.get("route"), "path", None)',
        'route=scope["path"]',
    ),
    # Spans hold codes, ids and words of ours.
    ("assets/attempt.py", "span.failed(_code(ended))", "span.failed(str(ended))"),
    (
        "resources/tracing.py",
        're.compile(r"[A-Za-z0-9._:/{}-]{1,100}")',
        're.compile(r"(?s).*")',
    ),
    # A sensor names the type of an error, and goes on.
    (
        "sensors/each.py",
        "failed.append(type(error).__name__)",
        "print(document, flush=True); raise RuntimeError(str(document)) from error",
    ),
    # An address may hold a password.
    (
        "resources/http_json.py",
        '"the address of a service is https://host/path, and nothing else"',
        "base_url",
    ),
)
SECONDS: Final = 900.0


def unheard(note: Callable[[str], None]) -> list[str]:
    """The sinks in which nothing was found although the guards were gone."""
    with tempfile.TemporaryDirectory(prefix="canaries-control") as name:
        copied(Path(name), COPIED)
        for guard in GUARDS:
            taken_away(Path(name), *guard)
        gone = run(Path(name), "tests.canaries.control", seconds=SECONDS)
    if gone.returncode:
        note(f"the control broke: {gone.stdout[-500:]}{gone.stderr[-2_000:]}")
        return [*outdoors.KEPT]
    found = json.loads(gone.stdout.splitlines()[-1])
    note(f"without its guards: {len(found)} sinks told")
    return sorted({*outdoors.KEPT} - {*found})


def forced(found: outdoors.Ground) -> None:
    """One failure for each way out; what comes last stops the sensors for good."""
    url = outdoors.urls(found)["codes"]
    outdoors.script(url, [outdoors.quoting("codes", outdoors.answers()["403"])])
    found.end([found.ask("codes 403", "codes", reveal=True)])
    outdoors.refused(found)
    outdoors.examined(found, {"CODES_SERVICE_URL": f"http://e:{canary('secret in an address')}@h"})
    outdoors.malformed(found)
    # Nothing of ours speaks to Dagster's page, which logs nothing of a request: so we write there.
    with (found.folder / "logs" / "webserver.log").open("a", encoding="utf-8") as log:
        log.write(canary("path"))


def main() -> int:
    """Force, search, and say where something was found."""
    sinks = Sinks()
    with (
        ended_by_sigterm(),
        tempfile.TemporaryDirectory(prefix="canaries") as name,
        outdoors.ground(Path(name), sinks, lambda _: None) as ground,
    ):
        forced(ground)
        outdoors.gathered(ground)
    found = {hit.rpartition(" in ")[2] for hit in sinks.hits(every())}
    sys.stdout.write(f"{json.dumps(sorted(found))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
