"""How a failed attempt looks in Dagster: a code and a sentence, nothing that a row said.

Dagster keeps what a step raises for ever and shows it to anyone who reaches its page, so only
what `assets/attempt.py` has reduced may pass. Retries have one owner, which is not Dagster.
"""

import dagster as dg

from assets.model.failure import ExportFailed


def as_failure(failed: ExportFailed, *, export_id: str) -> dg.Failure:
    """A Dagster failure to raise, without a retry."""
    return dg.Failure(
        description=f"{failed.code}: {failed.message}",
        metadata={
            "code": failed.code,
            "retryable": failed.retryable,
            "export": export_id,
        },
        allow_retries=False,
    )
