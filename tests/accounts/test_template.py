"""Texts with fields: ours is the only substitution."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.accounts import template
from modemd.errors import InvalidField

VALUES = {"name": "Jan", "city": "Gdynia"}


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("Hello {name}", "Hello Jan"),
        ("{name}{city}", "JanGdynia"),
        ("{{name}}", "{name}"),
        ("{{{name}}}", "{Jan}"),
        ("{", "{"),
        ("}", "}"),
        ("{}", "{}"),
        ("{ name }", "{ name }"),
        ("{name.__class__}", "{name.__class__}"),
        ("{0}", "{0}"),
        ("{name!r:>99999999}", "{name!r:>99999999}"),
        ("%s {{}} $name", "%s {} $name"),
    ],
)
def test_fields_are_filled_and_nothing_else_is_understood(text: str, means: str) -> None:
    assert template.fill(text, VALUES) == means


@pytest.mark.parametrize("text", ["Hello {name}, {{x}}", "{{{name}}}", "none", "{a}{b_2}", "{{}}"])
def test_a_text_whose_braces_all_mean_something_is_good(text: str) -> None:
    template.check(text)


@pytest.mark.parametrize("text", ["{ name }", "Hello {name", "name}", "{}", "{name.x}", "{0}", "{{{name}}", "{na-me}"])
def test_a_brace_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        template.check(text)
    assert (caught.value.field, caught.value.code) == ("text", "invalid_template")
    assert "{name}" in caught.value.cure


def test_what_is_filled_in_is_not_filled_again() -> None:
    assert template.fill("{name}", {"name": "{city}", "city": "x"}) == "{city}"


def test_a_missing_value_is_an_error() -> None:
    assert template.fields("{name} {zip} {{city}}") == {"name", "zip"}
    with pytest.raises(KeyError):
        template.fill("{zip}", VALUES)


@given(st.text(st.sampled_from("{}aname ")))
def test_any_text_is_filled_or_lacks_a_value(text: str) -> None:
    if template.fields(text) <= VALUES.keys():
        template.fill(text, VALUES)
    else:
        with pytest.raises(KeyError):
            template.fill(text, VALUES)
