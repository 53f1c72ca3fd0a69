"""The test kit for authors of plug-ins: batches, a scripted sink, a clock, a log file, and conformance tests.

A conformance kit is a class of pytest tests. The tests of a plug-in subclass it, and define a fixture that creates
the plug-in and reads its results:

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
            fields = {"id": "G-17"}
            return TransformUnderTest(my_function, fields=fields, expected={**fields, "tier": "gold"})

Each failure message describes the rule and what the plug-in did, because pytest shows only the message of an
assertion in an installed package.
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
