"""Random stories of a sink with several targets, some of which accept no documents for a while."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.integration.model.test_story import SINKS, story_settings
from tests.integration.model.test_wild_story import WildStory

TARGETS = "abc"


class ParkingStory(WildStory):
    """Each line goes to the target that its first letter names."""

    def _line(self, number: int, width: int) -> str:
        return f"{TARGETS[number % 3]}<{number}:{'x' * width}:{number}>\n"

    @rule(sink=st.sampled_from(SINKS), name=st.sampled_from(TARGETS))
    def close_a_target(self, sink: str, name: str) -> None:
        destination = self.world.destinations[sink]
        destination.has_many_targets = True
        destination.closed.add(name)

    @rule(sink=st.sampled_from(SINKS), name=st.sampled_from(TARGETS))
    def open_a_target(self, sink: str, name: str) -> None:
        self.world.destinations[sink].closed.discard(name)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            for destination in self.world.destinations.values():
                destination.closed.clear()
        super().teardown()


ParkingStory.TestCase.settings = story_settings(steps=30)
TestParkingStory = ParkingStory.TestCase
