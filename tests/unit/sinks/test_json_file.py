"""The JSON layout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.secret import Secret
from reconciler.sinks._json_object import JsonFormat

if TYPE_CHECKING:
    from reconciler.sinks._file_sink import Document


def parsed(text: str | None) -> Document:
    """Return the document of a text that is in order."""
    document = JsonFormat().parse(None if text is None else Secret(text))
    assert not isinstance(document, str)
    return document


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, '{\n  "A": "new"\n}\n'),
        ("{}", '{\n  "A": "new"\n}\n'),
        (" { } ", '{\n  "A": "new"\n}\n'),
        ('{"A": "old"}', '{"A": "new"}'),
        ('{"A":"old","B":1.50e3}', '{"A":"new","B":1.50e3}'),
        ('{"B": [1, {"A": 2}]}', '{"B": [1, {"A": 2}], "A": "new"}'),
        ('{\n    "B": null,\n    "C": "x"\n}\n', '{\n    "B": null,\n    "C": "x",\n    "A": "new"\n}\n'),
        ('{\r\n\t"B": true\r\n}', '{\r\n\t"B": true,\r\n\t"A": "new"\r\n}'),
        ('{"\\u0041": "old", "B": 1' + "0" * 5000 + "}", '{"\\u0041": "new", "B": 1' + "0" * 5000 + "}"),
    ],
    ids=range(9),
)
def test_only_the_entry_changes(before: str | None, after: str) -> None:
    """Foreign members keep order, spelling and white space."""
    assert parsed(before).with_value("A", Secret("new")).reveal() == after


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "[]",
        "null",
        '"A"',
        "{",
        "{,}",
        '{"A": 1,}',
        '{"A" 1}',
        '{"A": 1 "B": 2}',
        "{1: 2}",
        '{"A": }',
        '{"A": 1} x',
        '{"A": 1}{}',
        '{"A": "1", "A": "2"}',
        '{"B": {"C": 1, "C": 2}}',
        '{"A": NaN}',
        '{"A": "line\nbreak"}',
        "\ufeff{}",
        '{"A": ' + "[" * 100_000,
    ],
    ids=range(20),
)
def test_what_is_not_one_object_with_unique_names_is_refused(text: str) -> None:
    """Nothing is written over a file that could be read in two ways; its text is not quoted."""
    problem = JsonFormat().parse(Secret(text))

    assert problem == "it is not one JSON object with unique names; repair it or choose another path"


@pytest.mark.parametrize("value", ["1", "null", "true", "[]", '{"x": "y"}', "1.5"])
def test_a_member_that_is_no_string_is_a_problem(value: str) -> None:
    """Only strings are replaced, as nothing else can be a secret of ours."""
    document = parsed(f'{{"A": {value}, "B": "text"}}')

    assert document.holds("A")
    assert document.value("A") is None
    assert "remove it" in (document.problem("A") or "")
    assert document.problem("B") is None
    assert document.value("C") is None


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1b[0m"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    """Names end up in terminals."""
    assert "rename" in (JsonFormat().name_problem(name) or "")
    assert JsonFormat().name_problem("any name/ü") is None


@pytest.mark.parametrize("secret", ["", "\udcff"])
def test_what_is_no_text_is_refused(secret: str) -> None:
    """A secret is text and not empty."""
    assert JsonFormat().secret_problem(Secret(secret))
    assert JsonFormat().secret_problem(Secret("any \n text ü")) is None


FOREIGN = st.dictionaries(st.text(max_size=5), st.recursive(st.none() | st.floats() | st.text(), st.lists))


@given(
    FOREIGN, st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from([None, 2, "\t"])
)
def test_what_is_written_is_read_back(
    foreign: dict[str, object], secret: str, indent: int | str | None
) -> None:
    """Every reader of JSON finds the secret, and the other members as they were."""
    try:
        before = json.dumps(foreign, indent=indent, allow_nan=False)
    except ValueError:
        return
    text = parsed(before).with_value("OUR_KEY", Secret(secret)).reveal()

    assert json.loads(text) == {**foreign, "OUR_KEY": secret}
    value = parsed(text).value("OUR_KEY")
    assert value
    assert value.reveal() == secret
