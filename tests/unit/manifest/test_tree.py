"""YAML to marked mappings and lists: values, places, and what is refused; the same over both parsers."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ManifestError
from reconciler.manifest import tree
from reconciler.manifest.tree import (
    MAX_PROBLEMS,
    MarkedList,
    MarkedMapping,
    is_showable,
    locate,
    parse,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruamel.yaml.events import Event


@pytest.fixture(params=["c", "pure"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test over libyaml and over the pure parser."""
    chosen = tree.c_events if request.param == "c" else tree.pure_events
    monkeypatch.setattr(tree, "events_of", chosen)


def refusals(text: str) -> list[str]:
    """Return the problems of a text."""
    with pytest.raises(ManifestError) as caught:
        parse(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x", "x"),
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", "Null"),
        ("true", True),
        ("false", False),
        ("yes", "yes"),
        ("True", "True"),
        ("off", "off"),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("2.50", 2.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e400", math.inf),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("10.0.0.1", "10.0.0.1"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("''", ""),
        ('"\\u00e9"', "é"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    """Quoted is text; a plain scalar is what YAML 1.2 says, and nothing that YAML 1.1 said."""
    found = parse(f"a: {text}", "f")["a"]
    assert (found, type(found)) == (value, type(value))


def test_a_whole_number_of_any_length_is_read_without_an_error() -> None:
    """Python refuses to convert very long numbers; here it becomes a float, which no field takes."""
    found = parse(f"a: {'9' * 10_000}\nb: .nan", "f")
    assert found["a"] == math.inf
    assert isinstance(found["b"], float)


def test_marks_name_line_and_column_of_keys_and_items() -> None:
    """Every key and item is found again by its path; words that are not in the tree are passed over."""
    found = parse("a:\n  b: [x, {c: 1}]\n  d:\n  - y\nlong:   {e: 2}\n", "f")
    assert locate(found, ("a",)) == (1, 1)
    assert locate(found, ("a", "b")) == (2, 3)
    assert locate(found, ("a", "b", 0)) == (2, 7)
    assert locate(found, ("a", "b", 1, "c")) == (2, 11)
    assert locate(found, ("a", "d", 0)) == (4, 5)
    assert locate(found, ("a", "tag", "d", 7)) == (3, 3)
    assert locate(found, ("a", "d", "word")) == (3, 3)
    assert locate(found, ("a", 0, "d", 0, "deeper")) == (4, 5)
    assert locate(found, ("long", "e")) == (5, 10)
    assert locate(found, ("nothing",)) == (1, 1)
    assert list(found.own_marks()) == [(1, 1), (5, 1)]
    assert isinstance(found["a"], MarkedMapping)
    assert isinstance(found["a"]["b"], MarkedList)


def test_both_line_endings_count_the_same() -> None:
    """A file from Windows has the same places."""
    assert locate(parse("a: 1\r\nb: 2\r\n", "f"), ("b",)) == (2, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: &x 1\n",
            "f.yaml:1:4: anchors are not supported; use `defaults` or `profiles` to share settings",
        ),
        (
            "a: &x {}\n",
            "f.yaml:1:4: anchors are not supported; use `defaults` or `profiles` to share settings",
        ),
        ("a: !!str 1\n", "f.yaml:1:4: tags (`!…`) are not supported; remove the tag"),
        ("a: ! 1\n", "f.yaml:1:4: tags (`!…`) are not supported; remove the tag"),
        ("a: !x []\n", "f.yaml:1:4: tags (`!…`) are not supported; remove the tag"),
        (
            "a:\n  <<: {b: 1}\n",
            "f.yaml:2:3: merge keys (`<<`) are not supported; use `defaults` or `profiles`",
        ),
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: `a` is written twice, first at f.yaml:1:1; keep one of the two"),
        ("5: 1\n", "f.yaml:1:1: a name must be text; put this one in quotes"),
        ("true: 1\n", "f.yaml:1:1: a name must be text; put this one in quotes"),
        ("[a]: 1\n", "f.yaml:1:1: a name must be text, not a mapping or a list"),
        ("? {a: 1}\n: 1\n", "f.yaml:1:3: a name must be text, not a mapping or a list"),
        (
            "a: 1\n---\nb: 2\n",
            "f.yaml:2:1: a second document begins here; a file holds one, so split it into two files",
        ),
        ("- a\n", "f.yaml:1:1: a file holds a mapping (`name: value` lines), starting with `version: 1`"),
        ("text\n", "f.yaml:1:1: a file holds a mapping (`name: value` lines), starting with `version: 1`"),
        ("", "f.yaml:1:1: the file is empty; it starts with `version: 1`"),
        ("# only a comment\n", "f.yaml:1:1: the file is empty; it starts with `version: 1`"),
        (
            'a: "\\0"\n',
            "f.yaml:1:4: text with control or invisible direction characters is refused; remove them",
        ),
        (
            '"\\u202e": 1\n',
            "f.yaml:1:1: text with control or invisible direction characters is refused; remove them",
        ),
    ],
)
def test_what_could_mislead_a_reviewer_is_refused_with_its_place(text: str, expected: str) -> None:
    """Each refusal names file, line and column and says what to do."""
    assert refusals(text) == [expected]


def test_directives_are_refused() -> None:
    """They change what the text below them means; the parsers differ on the line that begins a document."""
    for text in ("%YAML 1.2\n---\na: 1\n", "%TAG ! tag:x,2000:\n---\na: 1\n"):
        (found,) = refusals(text)
        assert found.partition(": ")[2] == "YAML directives (`%…`) are not supported; remove them"


def test_aliases_are_refused_wherever_they_stand() -> None:
    """As a value and in a list the reading goes on; as a name it cannot."""
    as_value = "aliases are not supported; use `defaults` or `profiles` to share settings"
    found = refusals("a: &x 1\nb: *x\nc: [*x]\n")
    assert [text for text in found if "alias" in text] == [
        f"f.yaml:2:4: {as_value}",
        f"f.yaml:3:5: {as_value}",
    ]
    assert refusals("a: &x b\n*x : 1\n")[-1] == "f.yaml:2:1: a name cannot be an alias; write the name out"


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    """Nothing is ever expanded, so nested references cost nothing."""
    text = "a: &a [x]\n" + "".join(
        f"{b}: &{b} [*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert len(refusals(text)) > 8


def test_every_problem_of_a_file_is_reported_together() -> None:
    """One run shows them all."""
    assert [text.split(" ")[0] for text in refusals("a: &x 1\na: 2\n7: !t 3\n")] == [
        "f.yaml:1:4:",
        "f.yaml:2:1:",
        "f.yaml:3:1:",
        "f.yaml:3:4:",
    ]


def test_the_number_of_problems_of_one_file_is_bounded() -> None:
    """A hostile file cannot make the list of problems larger than itself."""
    assert len(refusals("".join(f"{number}: x\n" for number in range(1000)))) == MAX_PROBLEMS


def test_a_name_that_may_be_a_secret_is_not_repeated() -> None:
    """Only what looks like a name is shown."""
    assert refusals('"se cret": 1\n"se cret": 2\n')[0].startswith("f.yaml:2:1: this name is written twice")
    assert shown("a.b-c_1") == "`a.b-c_1`"
    assert not is_showable("x" * 41)


@pytest.mark.parametrize("text", ["[" * 20_000, "a: " + "[" * 20_000, "- " * 20_000, "{a: " * 20_000])
def test_deep_nesting_ends_at_a_limit(text: str) -> None:
    """Twenty thousand levels neither crash nor take long."""
    found = refusals(text)[0]
    assert "nested deeper than 32 levels; flatten it" in found or "a file holds a mapping" in found


def test_the_deepest_allowed_nesting_is_read() -> None:
    """32 levels are fine, one more is not."""
    assert parse("{a: " * 32 + "1" + "}" * 32, "f")
    assert refusals("{a: " * 33 + "1" + "}" * 33) == [
        "f.yaml:1:129: nested deeper than 32 levels; flatten it"
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: {b: https://x.example}", {"b": "https://x.example"}),
        ("a: {b: 2027-01-01T00:00:00Z, c: 1}", {"b": "2027-01-01T00:00:00Z", "c": 1}),
        ("a: [2001:db8::/32, ::1]", ["2001:db8::/32", "::1"]),
        ("a: [a?b]", ["a?b"]),
    ],
)
def test_colons_inside_braces_need_no_quotes(text: str, value: object) -> None:
    """That is YAML 1.2; libyaml alone would refuse what people write for instants, URLs and addresses."""
    assert parse(text, "f")["a"] == value


@pytest.mark.parametrize(
    "text", ["a: [1, 2\n", "a: 'x\n", "a: b: cr_secret\n", "\ta: 1\n", "a: *\n", 'a: "\\q"\n', "a: @x\n"]
)
def test_a_syntax_error_names_a_place_and_quotes_nothing(text: str) -> None:
    """The sentence is ours; nothing of the file is in it."""
    (found,) = refusals(text)
    assert found.partition(": ")[2] == "not valid YAML here; check indentation, colons and quotes"


def test_an_escape_beyond_unicode_is_a_problem() -> None:
    """Neither parser may end in another exception."""
    (found,) = refusals('a: "\\UFFFFFFFF"\n')
    assert "not valid YAML" in found


def test_the_pure_parser_steps_in_where_there_is_no_c_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without libyaml works, only slower."""
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "_ruamel_yaml", None)
    assert parse("a: [1, 'b']\n", "f") == {"a": [1, "b"]}


def test_the_c_parser_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark's figures are of the parser that users get."""
    monkeypatch.undo()

    def never(_text: str) -> Iterator[Event]:
        raise AssertionError

    monkeypatch.setattr(tree, "pure_events", never)
    assert parse("a: 1\n", "f") == {"a": 1}
