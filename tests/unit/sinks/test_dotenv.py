"""The dotenv layout."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.secret import Secret
from reconciler.sinks.dotenv import DotenvFormat

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.sinks._file_sink import Document


def parsed(text: str | None, *, quoted: bool = False) -> Document:
    """Return the document of a text that is in order."""
    document = DotenvFormat(quoted=quoted).parse(None if text is None else Secret(text))
    assert not isinstance(document, str)
    return document


def changed(text: str | None, *, quoted: bool = False) -> str:
    """Return the text with entry A set."""
    return parsed(text, quoted=quoted).with_value("A", Secret("new")).reveal()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "A=new\n"),
        ("", "A=new\n"),
        ("A=old\n", "A=new\n"),
        ("A=old", "A=new"),
        ("A=", "A=new"),
        ("export A=old\n", "export A=new\n"),
        ("  A=old\n", "  A=new\n"),
        ("\ufeffA=old\n", "\ufeffA=new\n"),
        ("A = old\n", "A=new\n"),
        ("A=old # note\n", "A=new # note\n"),
        ("A=old#part\n", "A=new\n"),
        ("A='old' # note\n", "A=new # note\n"),
        ('A="old"\n', "A=new\n"),
        ("A='''old\nlines'''\n", "A=new\n"),
        ("A='two' parts # note\n", "A=new\n"),
        ("A='two' parts", "A=new"),
        ("A='two' parts\r\nB=1\r\n", "A=new\r\nB=1\r\n"),
        ("A=old\r\nB=1\r\n", "A=new\r\nB=1\r\n"),
        ("B=1", "B=1\nA=new\n"),
        ("B=1\r\n", "B=1\r\nA=new\r\n"),
        ("# A=comment\nAA=1\nB=A=2\n", "# A=comment\nAA=1\nB=A=2\nA=new\n"),
        ('B="first\nA=inside\nlast"\nA=old\n', 'B="first\nA=inside\nlast"\nA=new\n'),
        ("A\nB=1\nB=2\n", "A\nB=1\nB=2\nA=new\n"),
        ("B=don't\nA=old\n", "B=don't\nA=new\n"),
        ("nonsense \x00 \udcff\nA=old\n", "nonsense \x00 \udcff\nA=new\n"),
    ],
    ids=range(25),
)
def test_only_the_entry_changes(before: str | None, after: str) -> None:
    """Foreign lines, comments, order, line ends and prefixes stay byte for byte."""
    assert changed(before) == after


def test_quoted_values_stand_in_single_quotes() -> None:
    """With `quoted` the value is protected from shells."""
    assert changed("A=old\n", quoted=True) == "A='new'\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=v", "v"),
        ("A='v'", "v"),
        ('A="v"', "v"),
        ("A=`v`", "v"),
        ("A='''v'''", "v"),
        ('A="""v"""', "v"),
        ("A=''", ""),
        ("A= v \t# note\r\n", "v"),
        ("A=\n", ""),
        ("A='v' more\n", None),
        ("A=v\rB\n", None),
        ("B=1\n", None),
        ("A=1\nA=2\n", None),
    ],
    ids=range(13),
)
def test_the_value_is_what_readers_see(text: str, value: str | None) -> None:
    """Quotes and comments are not part of it; where readers disagree there is no value."""
    found = parsed(text).value("A")

    assert (found.reveal() if found else None) == value


def test_a_name_that_is_set_twice_is_a_problem() -> None:
    """Which of the two counts depends on the reader, so neither is touched."""
    document = parsed("A=1\n\nB='x\ny'\nexport A=2\n")

    assert document.holds("A")
    assert document.problem("A") == "entry A: lines 1, 5 all set it; keep one of them"
    assert document.problem("B") is None
    assert parsed("A=1\nA=2\nA=3\n").problem("A") == "entry A: lines 1, 2, 3 all set it; keep one of them"


def test_a_quote_that_is_not_closed_is_named_by_its_line() -> None:
    """It might swallow the lines after it, so nothing is guessed."""
    assert DotenvFormat().parse(Secret("B=1\nA='secret\nC=2\n")) == "line 2: a quote is not closed; close it"


@pytest.mark.parametrize(
    "text",
    [
        f"A=x{' ' * 1_000_000}y\n",
        f"A='x'{' ' * 1_000_000}y\n",
        f'A="{"x" * 1_000_000}"\n',
        "A='" + "\\x" * 500_000,
        f"A={'x ' * 500_000}\n",
        f"{' ' * 1_000_000}\n",
        "\n" * 1_000_000,
        "B='x' # note\n" * 100_000,
    ],
    ids=["blanks", "blanks-after-a-quote", "quoted", "escapes", "words", "empty", "lines", "assignments"],
)
def test_a_large_file_does_not_hold_up_a_run(text: str) -> None:
    """Whatever is in it, the time grows with its size and no faster."""
    began = time.process_time()
    DotenvFormat().parse(Secret(text))
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A\n", "Ä", "A=B"])
def test_a_name_that_is_no_variable_is_refused(name: str) -> None:
    """The entry has to be readable by a shell."""
    assert DotenvFormat().name_problem(name)
    assert DotenvFormat().name_problem("_A1") is None


@pytest.mark.parametrize("secret", ["", "a b", "a#b", "a$b", "a'b", "a\nb", "ä", "a\x00b", "a\n"])
def test_a_secret_that_needs_quotes_is_refused(secret: str) -> None:
    """Unquoted, it would mean different things to different readers."""
    assert "quoted: true" in (DotenvFormat().secret_problem(Secret(secret)) or "")
    assert DotenvFormat().secret_problem(Secret("aZ09_./+=:@-")) is None


@pytest.mark.parametrize("secret", ["", "a'b", "a\\b", "a${b}", "a\nb", "ä", "\udcff"])
def test_a_secret_that_quotes_do_not_protect_is_refused(secret: str) -> None:
    """Some readers expand and unescape inside single quotes."""
    assert "json" in (DotenvFormat(quoted=True).secret_problem(Secret(secret)) or "")
    assert DotenvFormat(quoted=True).secret_problem(Secret('a b#$c"`!{}~')) is None


PLAIN = st.from_regex(r"[A-Za-z0-9_./+=:@-]{1,40}", fullmatch=True)
QUOTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)


@given(PLAIN, st.text(max_size=60))
def test_what_is_written_is_read_back(secret: str, foreign: str) -> None:
    """Whatever else the file holds, a value that was set is found again and the rest is kept."""
    document = DotenvFormat().parse(Secret(foreign))
    if isinstance(document, str) or document.holds("OUR_KEY"):
        return
    text = document.with_value("OUR_KEY", Secret(secret)).reveal()
    again = parsed(text)

    value = again.value("OUR_KEY")
    assert value
    assert value.reveal() == secret
    assert text.startswith(foreign)
    assert again.with_value("OUR_KEY", Secret(secret)).reveal() == text


@pytest.mark.parametrize("secret", ['a b#$c"`!{}~ $(id) ; & | * ?', "sk-Az09_./+=:@"])
def test_a_shell_reads_the_secret(tmp_path: Path, secret: str) -> None:
    """A sourced file gives exactly the secret."""
    assert DotenvFormat(quoted=True).secret_problem(Secret(secret)) is None
    path = tmp_path / "keys.env"
    path.write_text(parsed(None, quoted=True).with_value("A", Secret(secret)).reveal(), "utf-8")

    done = subprocess.run(
        ["/bin/sh", "-c", '. "$1"; printf %s "$A"', "sh", path], capture_output=True, check=True
    )

    assert done.stdout.decode() == secret
