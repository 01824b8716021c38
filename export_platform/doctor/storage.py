"""Dagster's storage: whether PostgreSQL proves its name, lets us in and has the right tables."""

from collections.abc import Mapping

from dagster_postgres.run_storage import PostgresRunStorage
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from export_platform.doctor.finding import Finding, failed, good, unset, wrong
from export_platform.local.postgresql import HOST, engine, variables
from resources.errors import Unavailable

SUBJECT, TABLES = "Dagster's storage", "tables of Dagster's storage"
# What libpq says before it says more, which may hold names; the first that fits. It gives no code
# for a connection that was never made.
_CAUSES = {
    "certificate": "UNPROVEN",
    "password authentication failed": "AUTH",
    "no pg_hba.conf entry": "FORBIDDEN",
    "does not exist": "MISSING",
    "timeout expired": "TIMEOUT",
}


def look(env: Mapping[str, str], *, local: bool) -> list[Finding]:
    """Everything about the storage.

    Args:
        env: The variables of this process.
        local: Whether the deployment is one on this machine, which may do without PostgreSQL.
    """
    try:
        of = variables(env)
    except ValueError as error:
        return [unset(SUBJECT, error)]
    if not of:
        missing = ValueError(f"the environment variable {HOST} is not set")
        return [] if local else [unset(SUBJECT, missing)]
    opened = engine(of)
    try:
        opened.connect().close()
    except OperationalError as error:
        return [failed(SUBJECT, Unavailable(f"STORAGE_{_cause(error)}", "connect to it"))]
    return [good(SUBJECT, "proves its name, and lets us in"), _tables(opened)]


def _cause(error: OperationalError) -> str:
    said = str(error.orig)
    return next((cause for words, cause in _CAUSES.items() if words in said), "UNREACHABLE")


def _tables(opened: Engine) -> Finding:
    url = opened.url.render_as_string(hide_password=False)
    there, wanted = PostgresRunStorage(url, should_autocreate_tables=False).alembic_version()
    if there == wanted:
        return good(TABLES, "as the installed Dagster wants them")
    if there is None:
        return wrong(TABLES, "there are none", "start the daemon, which makes them")
    remedy = "as docs/runbook.md says of upgrades: a snapshot, then dagster instance migrate"
    return wrong(TABLES, "of another Dagster than the one that is installed", remedy)
