"""What people and machines do."""

from collections.abc import Sequence

from pytest_bdd import parsers, when

from tests.features.steps.story import Story
from tests.features.world import stated, usual_params


@when(parsers.parse('{who} asks for "{kind}"'))
def _asks(story: Story, who: str, kind: str) -> None:
    story.claims["sub"] = f"svc:{who}"
    story.ask(kind, {})


@when(parsers.parse('{who} asks for "{kind}" with'))
def _asks_with(story: Story, who: str, kind: str, datatable: Sequence[Sequence[str]]) -> None:
    story.claims["sub"] = f"svc:{who}"
    story.ask(kind, stated(datatable))


@when(parsers.parse('somebody estimates "{kind}"'))
def _estimates(story: Story, kind: str) -> None:
    body = {"type": kind, "params": usual_params(kind, story.about, {})}
    story.send("POST", "/v1/exports/estimate", body)


@when("somebody waits for it until a worker begins it")
def _waits(story: Story) -> None:
    etag = str(story.world.call("GET", story.path, token=story.token).headers["ETag"])
    with story.meanwhile(lambda: story.world.begin(story.first)):
        story.send("GET", story.path, headers={"If-None-Match": etag, "Prefer": "wait=20"})


@when(parsers.parse('{who} asks for "{kind}" and waits until the export is made'))
def _waits_for_it(story: Story, who: str, kind: str) -> None:
    story.claims["sub"] = f"svc:{who}"
    story.headers["Prefer"] = "wait=30"
    with story.meanwhile(story.work_first):
        story.ask(kind, {})


@when("the same request comes again with the same key")
def _again(story: Story) -> None:
    story.post(story.bodies[0])


@when("another request comes with the same key")
def _reused(story: Story) -> None:
    first = story.bodies[0]
    story.post({**first, "params": {**first["params"], "reason": "something else"}})


@when("the export is made")
def _made(story: Story) -> None:
    story.world.work(story.first)


@when("a worker begins it")
def _begun(story: Story) -> None:
    story.world.begin(story.first)


@when("its files outlive their time")
def _expires(story: Story) -> None:
    story.world.expire(story.first)


@when(parsers.parse("somebody asks to {move} it"))
def _moved(story: Story, move: str) -> None:
    story.send("POST", f"{story.path}/{move}")


@when("somebody deletes it")
def _deleted(story: Story) -> None:
    story.send("DELETE", story.path)


@when("housekeeping comes by")
def _tidied(story: Story) -> None:
    story.world.tidy()


@when(parsers.parse('somebody looks at "{path}"'))
def _looks(story: Story, path: str) -> None:
    story.send("GET", path.replace("{id}", story.first))
