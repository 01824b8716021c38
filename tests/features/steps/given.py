"""Who asks, about what, and what is not as it should be."""

import pytest
from pytest_bdd import given, parsers

from tests.features.steps.story import Story
from tests.features.world import World


@pytest.fixture
def story(world: World) -> Story:
    """A new scenario, with nothing left of the others."""
    world.clear()
    return Story(world=world)


@given(parsers.parse('the campaign "{name}"'))
def _campaign(story: Story, name: str) -> None:
    story.about = story.world.campaign(name)


@given(parsers.parse('the day "{day}"'))
def _day(story: Story, day: str) -> None:
    story.about = day


@given(parsers.parse('a caller without the scope "{scope}"'))
def _without(story: Story, scope: str) -> None:
    held = story.claims["scope"].split()
    held.remove(scope)
    story.claims["scope"] = " ".join(held)


@given(parsers.parse('a caller of the campaign "{name}" only'))
def _only(story: Story, name: str) -> None:
    story.claims["campaigns"] = [story.world.campaign(name)]


@given("a caller who would rather have fewer columns than none")
def _lenient(story: Story) -> None:
    story.headers["Prefer"] = "handling=lenient"


@given(parsers.parse('another account with "{address}", which bounced'))
def _bounced(story: Story, address: str) -> None:
    story.world.bounce(address)


@given("a codes service that does not answer")
def _down(story: Story) -> None:
    story.world.codes.script({"fault": "answer", "status": 503, "times": 1_000})
