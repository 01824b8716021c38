"""What belongs to one person: a privacy case, the files beside the main one, how long they live."""

from datetime import datetime, timedelta

from pytest_bdd import given, parsers, then

from tests.features.steps.story import Story


@given(parsers.parse('the case "{case}"'))
def _case(story: Story, case: str) -> None:
    story.about = case


@then(parsers.parse('"{value}" is among "{column}" of the "{section}" file'))
def _beside(story: Story, value: str, column: str, section: str) -> None:
    assert value in [row[column] for row in story.rows(section)]


@then(parsers.parse('"{value}" is in none of its files'))
def _in_none(story: Story, value: str) -> None:
    sections = {entry.section for entry in story.manifest().files}
    bodies = [body for section in sections for body in story.bodies_of(section)]
    assert any(bodies), "no file says anything"
    assert not any(value.encode() in body for body in bodies)


@then(parsers.parse('every row left out was "{reason}"'))
def _all_left_out(story: Story, reason: str) -> None:
    accounting = story.manifest().accounting
    assert accounting.read > 0
    assert dict(accounting.filtered) == {reason: accounting.read}


@then(parsers.parse("its files live for {days:d} days"))
def _lives(story: Story, days: int) -> None:
    shown = story.shown()
    lifetime = datetime.fromisoformat(shown["expires_at"]) - datetime.fromisoformat(
        shown["finished_at"]
    )
    assert abs(lifetime - timedelta(days=days)) < timedelta(minutes=5)
