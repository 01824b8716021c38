"""How a sensor works through documents: one that cannot be handled never stops the rest."""

from collections.abc import Callable, Iterable

import dagster as dg

from assets.life import Document


def on_each(
    context: dg.SensorEvaluationContext,
    documents: Iterable[Document],
    act: Callable[[Document], bool],
) -> int:
    """Act on each document and count those that changed.

    Whatever one of them raises is logged by its type only, since the text may quote a document.
    """
    changed = 0
    for document in documents:
        try:
            changed += act(document)
        except Exception as error:  # noqa: BLE001 - a stored document may be wrong in any way
            context.log.warning("export %s: %s", document.get("_id"), type(error).__name__)
    return changed
