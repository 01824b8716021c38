"""Which entries are scored: the rules that the input and the scores of a run share.

The input of a scoring run and the file of its scores are about the same entries (DOMAIN.md 11,
point 9): those that are `LIVE`, have not withdrawn and are not known as duplicates. The data of a
fan who left the draw is no business of a provider's.
"""

from typing import Final

from assets.exports.shared.entry_options import LIVE, Rule, withdrawn

SCORED: Final[tuple[Rule, ...]] = (
    *LIVE,
    ("withdrawn", lambda row: not withdrawn(row)),
    ("duplicate", lambda row: row.entry.get("status") != "duplicate"),
)
