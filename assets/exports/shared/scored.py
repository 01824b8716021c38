"""Which entries are scored: the rules that the input and the scores of a run share.

The two are about the same entries (DOMAIN.md 11, point 9): those that are `LIVE` and have not
withdrawn, for the data of a fan who left the draw is no business of a provider's (DOMAIN.md 9).
Duplicates stay: how many of them there are is one of the things that a model looks at.
"""

from typing import Final

from assets.exports.shared.entry_options import LIVE, NOT_WITHDRAWN, Rule

SCORED: Final[tuple[Rule, ...]] = (*LIVE, ("withdrawn", NOT_WITHDRAWN))
