"""What the code location holds, as text to compare: one thing a line.

Each export's asset is part of its own golden, so that a new export changes no other file; jobs,
sensors and resources stand together. `make goldens` writes them anew; read the difference.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from assets.exports.catalog import CATALOG
from export_platform.definitions import build_definitions

GOLDENS = Path(__file__).parents[1] / "goldens"
DOORS = (
    "mongo",
    "athena",
    "object_store",
    "codes",
    "entries_service",
    "scoring",
    "marketing_cloud",
    "clock",
    "platform",
)


def described(definitions: dg.Definitions) -> dict[Path, str]:
    """The code location in a stable order: the golden and its text."""
    rest = ["# jobs", *sorted(job.name for job in definitions.jobs or ()), ""]
    rest += ["# sensors", *sorted(_sensors(definitions)), ""]
    rest += ["# resources", *sorted(definitions.resources or {}), ""]
    found = {GOLDENS / "code_location.txt": "\n".join(rest)}
    for spec in definitions.resolve_all_asset_specs():
        if spec.key.path[0] == "exports":
            lines = [
                f"# {spec.key.to_user_string()}",
                *_asset(spec),
                *_checks(definitions, spec),
                "",
            ]
            found[GOLDENS / "tiny" / spec.key.path[-1] / "asset.txt"] = "\n".join(lines)
    return found


def _checks(definitions: dg.Definitions, spec: dg.AssetSpec) -> list[str]:
    checks = definitions.resolve_asset_graph().asset_check_keys
    return sorted(f"check: {check.name}" for check in checks if check.asset_key == spec.key)


def _asset(spec: dg.AssetSpec) -> Iterator[str]:
    yield f"group: {spec.group_name}"
    yield f"kinds: {', '.join(sorted(spec.kinds))}"
    yield f"partitions: {getattr(spec.partitions_def, 'name', spec.partitions_def)}"
    yield f"owners: {', '.join(spec.owners)}"
    yield f"code version: {spec.code_version}"
    yield f"tags: {', '.join(f'{k}={v}' for k, v in sorted(spec.tags.items()) if '/' not in k)}"
    yield from (f"from: {dep.asset_key.to_user_string()}" for dep in sorted(spec.deps, key=str))


def _sensors(definitions: dg.Definitions) -> Iterator[str]:
    for sensor in definitions.sensors or ():
        needs = ", ".join(sorted(sensor.required_resource_keys))
        often = f"every {sensor.minimum_interval_seconds} s, {sensor.default_status.value}"
        yield f"{sensor.name}: {often}, needs {needs}"


def code_location() -> dg.Definitions:
    """The code location with nothing behind its doors."""
    return build_definitions(catalog=CATALOG, doors=dict.fromkeys(DOORS, object()))
