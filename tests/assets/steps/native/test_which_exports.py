"""Every kind of export is made by the kernel, or says why it is not, and how much of it is."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

import pytest

from assets.exports.catalog import CATALOG
from assets.exports.shared.id_set import IdSet
from assets.exports.shared.links import FanLinks
from assets.loading import load
from assets.model.export_type import Scope
from assets.model.parameters import parse
from assets.model.source import EntrySource, keep_all
from assets.steps.native import twin
from assets.steps.native.kernel import NotNative, compile_plan
from assets.steps.plan import plan
from assets.steps.rows import Converter, Ledger, rendering
from tests.assets.examples import params_of
from tests.assets.workbench import AFTER_THE_PACK, CAMPAIGN, EVERY_SCOPE, workbench

# Stands in for what any kind looks up before its rows: nobody is stopped, nothing was bought.
PREPARED: Final = SimpleNamespace(
    stopped=IdSet(()),
    links=FanLinks(b"key", CAMPAIGN),
    since=None,
    proven=IdSet(()),
    withdrawn={},
    buyers=None,
    bought=frozenset(),
)
NOT_ENTRIES: Final = "its rows do not come from the collection of entries"
FOLDED: Final = "its rows are made of several entries, or several of one"
NOTES: Final = "its notes count more than answers"
MADE: Final = {"entries", "selected-fans", "reminder-email"}
# Of these the kernel judges the rows by the rules before the first that it does not know.
JUDGED: Final = dict.fromkeys(("non-purchasers", "ad-audience"), NOTES)
PYTHONS: Final = {
    "waitlist": "its rows are not read in the order of registration",
    "scoring-input": NOTES,
    "promoter-email-opt-ins": NOTES,
    **dict.fromkeys(
        (
            "market-demand",
            "registration-timeline",
            "scores",
            "survey-answers",
            "geo-demand",
            "boost-leaderboard",
            "duplicate-clusters",
        ),
        FOLDED,
    ),
    **dict.fromkeys(
        (
            "codes",
            "code-sms",
            "code-redemptions",
            "email-engagement",
            "suppression",
            "campaign-summary",
            "subject-access",
        ),
        NOT_ENTRIES,
    ),
}


def reason(name: str, runner: Any = None, **params: object) -> tuple[str, str]:
    """Who makes the rows of an export, and why nobody quicker."""
    where = {"campaign_id": CAMPAIGN} if CATALOG[name].scope is Scope.CAMPAIGN else {}
    request = parse(CATALOG[name], params_of(name, **where, **params), scopes=EVERY_SCOPE)
    stores = workbench().doors.mongo
    facts = replace(load(CATALOG[name], request, AFTER_THE_PACK, stores), prepared=PREPARED)
    made = plan(CATALOG[name], facts)
    source = CATALOG[name].rows
    verdict = source.verdict(made.facts) if isinstance(source, EntrySource) else keep_all
    style = rendering(made, Ledger())
    converter = Converter(made.columns, rendering=style, key=b"the test's key")
    try:
        kernel = compile_plan(
            made, verdict=verdict, rendering=style, converter=converter, runner=runner
        )
    except NotNative as why:
        return "python", str(why)
    return ("judged" if kernel.partly else "made"), kernel.partly


@pytest.mark.parametrize("name", CATALOG)
def test_every_export_is_compiled_or_says_why_not(name: str) -> None:
    """A new export, or a column that stops to say what it reads, must not become slow unseen."""
    expected = ("made", "") if name in MADE else ("judged", JUDGED.get(name))
    assert reason(name) == (("python", PYTHONS[name]) if name in PYTHONS else expected)


@pytest.mark.parametrize("name", CATALOG)
def test_the_twin_makes_what_the_extension_makes(name: str) -> None:
    """It judges nothing for others: that would cost Python more than it spares."""
    why = PYTHONS.get(name, JUDGED.get(name, ""))
    assert reason(name, twin) == ("made" if name in MADE else "python", why)


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"format": "jsonl"}, "its files are no CSV of several columns"),
        ({"columns": ["entry_id"]}, "its files are no CSV of several columns"),
        ({"text_guard": "tab"}, "its texts bear a mark"),
        ({"include_unknown": True}, "column extra_answers does not say what it reads"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_option_that_the_kernel_does_not_know_says_so(
    params: dict[str, object], why: str
) -> None:
    """The export is made all the same, and the log says at the level of debugging what it costs."""
    assert reason("entries", **params) == ("python", why)


@pytest.mark.parametrize("params", [{"locales": ["en-US"]}, {"bands": ["A"]}])
def test_an_option_that_looks_at_one_value_is_the_kernels(params: dict[str, object]) -> None:
    """What Python says of the value once holds for every entry that has it."""
    assert reason("entries", **params) == ("made", "")
