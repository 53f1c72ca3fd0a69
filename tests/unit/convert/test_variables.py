"""References to variables of each tool become those of the sidecar, and every other text stays what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.variables import replace_variables
from sidecar.convert.variables import escape, has_reference, literal, required_names, translate, variable_name

ENVIRON = {"A": "value", "B": "", "PATH_CONFIG": "/etc"}


@pytest.mark.parametrize(
    ("syntax", "text", "read"),
    [
        ("filebeat", "${A}", "value"),
        ("filebeat", "http://${A}:9200", "http://value:9200"),
        ("filebeat", "${C:other}", "other"),
        ("filebeat", "${C:}", ""),
        ("filebeat", "${path.config}/a", "/etc/a"),
        ("filebeat", "$A and $$", "$A and $$"),
        ("filebeat", "$${A}", "${A}"),
        ("filebeat", "%{[a]}-%{+yyyy}", "%{[a]}-%{+yyyy}"),
        ("fluent_bit", "${A}", "value"),
        ("fluent_bit", "$A $0 $TAG[1]", "$A $0 $TAG[1]"),
        ("fluent_bit", "^a$", "^a$"),
        ("fluent_bit", "cost: $$${A}", "cost: $$value"),
        ("promtail", "${A}", "value"),
        ("promtail", "${C:-other}", "other"),
        ("promtail", "${C:other}", "other"),
        ("promtail", "/pods/*$1/*.log", "/pods/*$1/*.log"),
        ("vector", "$A/${A}", "value/value"),
        ("vector", "${C:-other}", "other"),
        ("vector", "${C-other}", "other"),
        ("vector", r"^\d+$", r"^\d+$"),
        ("vector", "$$A", "$A"),
        ("vector", "$$$A", "$value"),
        ("vector", "$$$$${A}", "$$value"),
    ],
)
def test_a_reference_has_the_value_that_it_had(syntax: str, text: str, read: str) -> None:
    assert replace_variables(translate(text, syntax), ENVIRON) == read


@pytest.mark.parametrize(("syntax", "text"), [("filebeat", "${C:?the host}"), ("vector", "${C:?the host}")])
def test_a_message_for_a_missing_variable_is_kept(syntax: str, text: str) -> None:
    with pytest.raises(ValueError, match="the host"):
        replace_variables(translate(text, syntax), {})


@given(st.text(alphabet="${}A:-?. x", max_size=30))
def test_an_escaped_text_is_read_as_it_is(text: str) -> None:
    assert replace_variables(escape(text), {}) == text
    assert literal(escape(text)) == text


@given(st.sampled_from(["filebeat", "fluent_bit", "promtail", "vector"]), st.text(alphabet="${}A:-?. x", max_size=30))
def test_any_text_can_be_read_after_the_translation(syntax: str, text: str) -> None:
    translated = translate(text, syntax)
    names = set(required_names(translated))
    replace_variables(translated, dict.fromkeys(names, "value"))
    assert has_reference(translated) or translated.replace("$$", "$") == literal(translated)


def test_a_name_that_is_no_variable_becomes_one() -> None:
    assert variable_name("path.config") == "PATH_CONFIG"
    assert variable_name("9 lives") == "VALUE_9_LIVES"
    assert variable_name("…") == "VALUE"
