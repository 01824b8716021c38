"""What the code location holds, as text to compare: keys first, one thing a line.

`python -m tests.export_platform.snapshot` writes it anew; read the difference before you commit.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from assets.exports.catalog import CATALOG
from export_platform.definitions import build_definitions

FILE = Path(__file__).with_name("definitions.snapshot.txt")
COMMAND = "python -m tests.export_platform.snapshot"
DOORS = ("mongo", "athena", "object_store", "clock", "platform")


def described(definitions: dg.Definitions) -> str:
    """The code location in a stable order."""
    specs = sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key)
    checks = sorted(definitions.resolve_asset_graph().asset_check_keys)
    lines = ["# asset keys", *(spec.key.to_user_string() for spec in specs), ""]
    for spec in specs:
        mine = [f"check: {check.name}" for check in checks if check.asset_key == spec.key]
        lines += [f"## {spec.key.to_user_string()}", *_asset(spec), *mine, ""]
    lines += ["# jobs", *sorted(_jobs(definitions)), ""]
    lines += ["# sensors", *sorted(_sensors(definitions)), ""]
    lines += ["# resources", *sorted(definitions.resources or {}), ""]
    return "\n".join(lines)


def _asset(spec: dg.AssetSpec) -> Iterator[str]:
    yield f"group: {spec.group_name}"
    yield f"kinds: {', '.join(sorted(spec.kinds))}"
    if spec.partitions_def is None:
        return
    yield f"partitions: {getattr(spec.partitions_def, 'name', spec.partitions_def)}"
    yield f"owners: {', '.join(spec.owners)}"
    yield f"code version: {spec.code_version}"
    yield f"tags: {', '.join(f'{k}={v}' for k, v in sorted(spec.tags.items()) if '/' not in k)}"
    yield from (f"from: {dep.asset_key.to_user_string()}" for dep in sorted(spec.deps, key=str))


def _jobs(definitions: dg.Definitions) -> Iterator[str]:
    for job in definitions.jobs or ():
        chosen = definitions.resolve_job_def(job.name).asset_layer.selected_asset_keys
        yield f"{job.name}: {', '.join(sorted(key.to_user_string() for key in chosen))}"


def _sensors(definitions: dg.Definitions) -> Iterator[str]:
    for sensor in definitions.sensors or ():
        needs = ", ".join(sorted(sensor.required_resource_keys))
        often = f"every {sensor.minimum_interval_seconds} s, {sensor.default_status.value}"
        yield f"{sensor.name}: {often}, needs {needs}"


def code_location() -> dg.Definitions:
    """The code location with nothing behind its doors."""
    return build_definitions(catalog=CATALOG, doors=dict.fromkeys(DOORS, object()))


if __name__ == "__main__":
    FILE.write_text(described(code_location()), encoding="utf-8")
