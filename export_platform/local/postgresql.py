"""The local deployment with production's settings: Dagster's storage in PostgreSQL, over TLS.

Asked for by the variables that production's `dagster.yaml` and libpq read. What is of AWS alone,
the launcher of tasks and the logs in S3, is as in every local deployment.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy
import yaml  # type: ignore[import-untyped] # it ships no types

_PROJECT = Path(__file__).resolve().parents[2]
PRODUCTION: Final = _PROJECT / "export_platform" / "production" / "dagster.yaml"
LOCAL: Final = _PROJECT / "dagster.yaml"
# What AWS alone has; the rest of the two deployments is the same.
OF_AWS: Final = frozenset({"run_launcher", "compute_logs"})

HOST: Final = "DAGSTER_PG_HOST"
# Who may sign the server's certificate; in the image it is Amazon RDS.
AUTHORITIES: Final = "PGSSLROOTCERT"
_NAMES: Final = (
    HOST,
    "DAGSTER_PG_PORT",
    "DAGSTER_PG_DB",
    "DAGSTER_PG_USERNAME",
    "DAGSTER_PG_PASSWORD",
    AUTHORITIES,
)
# Production's settings want a number; as many as the local workers take.
_AT_ONCE: Final = {"EXPORT_RUNS_AT_ONCE": "16"}


def variables(env: Mapping[str, str]) -> dict[str, str]:
    """The variables of a deployment on PostgreSQL; none where no server is named.

    Raises:
        ValueError: A server is named and something else about it is not; the text says what.
    """
    if not env.get(HOST):
        return {}
    if missing := [name for name in _NAMES if not env.get(name)]:
        raise ValueError(f"{HOST} is set and {missing[0]} is not")
    return {**_AT_ONCE, **{name: env[name] for name in (*_NAMES, *_AT_ONCE) if name in env}}


def instance(home: Path) -> Path:
    """Write production's settings, but for what is of AWS and for where files go.

    Args:
        home: The folder of the deployment.
    """
    said: dict[str, Any] = yaml.safe_load(PRODUCTION.read_text(encoding="utf-8"))
    local: dict[str, Any] = yaml.safe_load(LOCAL.read_text(encoding="utf-8"))
    shared = {key: value for key, value in said.items() if key not in OF_AWS}
    shared["run_launcher"] = local["run_launcher"]
    shared["local_artifact_storage"]["config"]["base_dir"] = str(home / "artifacts")
    home.mkdir(parents=True, exist_ok=True)
    path = home / "instance.yaml"
    path.write_text(yaml.safe_dump(shared), encoding="utf-8")
    return path


def engine(of: Mapping[str, str], database: str | None = None) -> sqlalchemy.Engine:
    """A connection for one question; to a server that proves its name, as production's.

    Args:
        of: The variables of the deployment.
        database: Another than Dagster's.
    """
    url = sqlalchemy.URL.create(
        "postgresql+psycopg2",
        username=of["DAGSTER_PG_USERNAME"],
        password=of["DAGSTER_PG_PASSWORD"],
        host=of[HOST],
        port=int(of["DAGSTER_PG_PORT"]),
        database=database or of["DAGSTER_PG_DB"],
        query={
            "sslmode": "verify-full",
            "sslrootcert": of[AUTHORITIES],
            "connect_timeout": "2",
        },
    )
    return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)


def told(of: Mapping[str, str], query: str) -> Any:
    """The one value of a query; None while there is no such table, or no server."""
    try:
        with engine(of).connect() as opened:
            return opened.execute(sqlalchemy.text(query)).scalar()
    except sqlalchemy.exc.DBAPIError:
        return None


def heartbeat(of: Mapping[str, str]) -> datetime | None:
    """When the sensor daemon last said that it lives, in UTC without a zone; None: never."""
    query = "select max(timestamp) from daemon_heartbeats where daemon_type = 'SENSOR'"
    found: datetime | None = told(of, query)
    return found
