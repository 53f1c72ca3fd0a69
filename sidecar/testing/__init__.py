"""For authors of plug-ins: batches, a scripted sink, a clock, a log file, and the conformance kits.

A kit is a class of pytest tests. A plug-in passes it by a fixture that makes it, and that reads back what it did:

    class TestMySink(SinkConformance):
        @pytest.fixture
        def under_test(self, tmp_path):
            return UnderTest(make=lambda: MySink(...), stored=lambda: {...})

    class TestMyParser(ParserConformance):
        @pytest.fixture
        def under_test(self):
            return ParserUnderTest(make=my_factory, line="level=info", fields={"level": "info"}, foreign="-")

    class TestMyTransform(TransformConformance):
        @pytest.fixture
        def under_test(self):
            return TransformUnderTest(my_function, fields={"id": "G-17"}, expected={"id": "G-17", "tier": "gold"})

Messages name the rule and what the plug-in did: pytest shows nothing else of a failure in an installed package.
"""

from sidecar.testing.fakes import (
    TIME,
    LogFile,
    ManualClock,
    Script,
    ScriptedSink,
    batch_of,
    forgotten,
    numbered,
    rejected,
    retry,
    stored,
)
from sidecar.testing.parsers import ParserConformance, ParserUnderTest
from sidecar.testing.sinks import SinkConformance, UnderTest, numbers, open_sink
from sidecar.testing.transforms import TransformConformance, TransformUnderTest

__all__ = [
    "TIME",
    "LogFile",
    "ManualClock",
    "ParserConformance",
    "ParserUnderTest",
    "Script",
    "ScriptedSink",
    "SinkConformance",
    "TransformConformance",
    "TransformUnderTest",
    "UnderTest",
    "batch_of",
    "forgotten",
    "numbered",
    "numbers",
    "open_sink",
    "rejected",
    "retry",
    "stored",
]
