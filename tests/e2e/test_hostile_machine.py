"""The program on a machine that is not as it should be: streams, umask, links, directories, locale."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.hostile_scene import scene
from tests.e2e.spoiled_answers import then

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.hostile_scene import Scene

PROGRAM = f"{sys.executable} -m reconciler"
LIST = "/api/v1/reseller/keys"


def shell(stage: Scene, script: str) -> tuple[str, str]:
    """Run a bash script in the checkout, where RUN is the program; return stdout and stderr."""
    done = subprocess.run(
        ["bash", "-c", script.replace("RUN", PROGRAM)],
        cwd=stage.project.root,
        env=dict(stage.project.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
    stdout, stderr = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    stage.heard += [stdout, stderr]
    assert "Traceback" not in stdout + stderr
    assert "internal error" not in stdout + stderr
    return stdout, stderr


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("RUN plan | true; echo ${PIPESTATUS[0]}", 0),
        ("RUN plan --detailed-exitcode | true; echo ${PIPESTATUS[0]}", 2),
        ("RUN plan | head -1 > /dev/null; echo ${PIPESTATUS[0]}", 0),
        ("RUN plan --format markdown >&-; echo $?", 0),
        ("trap '' PIPE; RUN plan | true; echo ${PIPESTATUS[0]}", 0),
    ],
)
def test_a_plan_whose_reader_has_gone(tmp_path: Path, script: str, code: int) -> None:
    """The exit code is that of the plan, and nobody is told of a broken pipe."""
    with scene(tmp_path) as stage:
        stdout, stderr = shell(stage, script)

        assert (stdout.splitlines()[-1], stderr) == (str(code), "")
        assert stage.writes() == []


@pytest.mark.parametrize(
    "script",
    [
        "RUN apply --yes | true; echo ${PIPESTATUS[0]}",
        "RUN -v apply --yes --format json > >(true) 2> >(true); echo $?",
        "RUN apply --yes 2> >(true) | true; echo ${PIPESTATUS[0]}",
        "RUN apply --yes >&- 2>&-; echo $?",
    ],
)
def test_an_apply_that_nobody_listens_to(tmp_path: Path, script: str) -> None:
    """A pipe that breaks at the first line changes nothing: the key is delivered and raised."""
    with scene(tmp_path) as stage:
        stdout, _ = shell(stage, script)

        assert stdout.splitlines()[-1] == "0"
        assert stage.writes() == [f"POST {LIST}", f"PATCH {LIST}/{stage.sandbox.operator.keys('one')[0].id}"]
        stage.assert_one_live_key()


def test_a_reader_who_goes_while_the_key_is_on_its_way(tmp_path: Path) -> None:
    """The pipes break between the create and its answer; the secret arrives all the same."""
    with scene(tmp_path) as stage:
        process = stage.project.start("-v", "apply", "--yes")
        assert process.stdout is not None
        assert process.stderr is not None
        readers = (process.stdout, process.stderr)
        stage.provider.begin("POST", LIST, then(lambda: [reader.close() for reader in readers]))

        assert process.wait(60) == 0
        assert (stage.provider.struck, len(stage.sandbox.operator.keys("one"))) == (1, 1)
        stage.assert_one_live_key()


@pytest.mark.parametrize("umask", ["000", "777"])
def test_any_umask_gives_private_files(tmp_path: Path, umask: str) -> None:
    """What holds secrets is the owner's alone, and the owner can use it."""
    with scene(tmp_path, settings="audit: {path: audit.jsonl}\n") as stage:
        stdout, stderr = shell(
            stage, f"umask {umask}; RUN apply --yes --report report.json > /dev/null; echo $?"
        )

        assert stdout == "0\n", stderr
        found = {
            path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777
            for path in (tmp_path / ".secrets", *(tmp_path / ".secrets").iterdir())
        }
        names = ("keys.env", "keys.env.lock", "keys.env.receipts.json")
        assert found == {".secrets": 0o700, **{f".secrets/{name}": 0o600 for name in names}}
        assert (tmp_path / "audit.jsonl").stat().st_mode & 0o177 == 0
        assert (tmp_path / "report.json").stat().st_mode & 0o022 == 0
        stage.assert_one_live_key()


def test_a_link_in_place_of_the_file_is_refused_before_a_mint(tmp_path: Path) -> None:
    """A link that was there before: exit code 1, nothing minted, and nothing written through it."""
    with scene(tmp_path) as stage:
        (tmp_path / ".secrets").mkdir(mode=0o700)
        (tmp_path / "victim").write_text("A=1\n")
        (tmp_path / ".secrets" / "keys.env").symlink_to(tmp_path / "victim")
        ended = stage.run("apply", "--yes")

        assert ended.code == 1
        assert "it is a symbolic link; name the real file instead" in ended.stderr
        assert stage.writes() == []
        assert (tmp_path / "victim").read_text() == "A=1\n"


@pytest.mark.parametrize("name", ["keys.env", "keys.env.receipts.json", "keys.env.lock"])
def test_a_link_that_comes_while_the_key_is_on_its_way(tmp_path: Path, name: str) -> None:
    """Nothing goes through it: the key is switched off, exit code 8, and the next run mints another."""
    secrets, victim = tmp_path / ".secrets", tmp_path / "victim"
    victim.write_text("A=1\n")

    def swap() -> None:
        secrets.mkdir(mode=0o700)
        (secrets / name).symlink_to(victim)

    with scene(tmp_path) as stage:
        stage.provider.begin("POST", LIST, then(swap))
        ended = stage.run("apply", "--yes")

        assert ended.code == 8
        assert "symbolic link" in " ".join(ended.stdout.split())
        assert [row.enabled for row in stage.sandbox.operator.keys("one")] == [False]
        assert victim.read_text() == "A=1\n"
        (secrets / name).unlink()
        stage.assert_one_live_key()


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """There, anybody could put a file of theirs in place of ours."""
    with scene(tmp_path) as stage:
        (tmp_path / ".secrets").mkdir()
        (tmp_path / ".secrets").chmod(0o777)
        ended = stage.run("apply", "--yes")

        assert ended.code == 1
        assert "other users can write to the directory; run `chmod go-w` on it" in " ".join(
            ended.stdout.split()
        )
        assert stage.writes() == []


@pytest.mark.parametrize("command", ["plan", "apply --yes"])
def test_a_current_directory_that_is_gone(tmp_path: Path, command: str) -> None:
    """It is said in so many words; with an absolute path to the settings all is well."""
    with scene(tmp_path) as stage:
        nowhere = "mkdir gone; cd gone; rmdir ../gone;"
        told = shell(stage, f"{nowhere} RUN {command}; echo $?")
        found = shell(
            stage, f"{nowhere} RUN --config {tmp_path}/reconciler.yaml {command} > /dev/null; echo $?"
        )

        assert told[0] == "1\n"
        assert told[1].startswith("error: the current directory does not exist any more; change to another")
        assert found[0] == "0\n"


ENVIRONMENTS = {
    "no HOME, TERM or USER": "env -u HOME -u TERM -u USER -u LOGNAME -u LANG",
    "nothing but the token": "env -i SANDBOX_TOKEN_ONE=$SANDBOX_TOKEN_ONE",
    "HOME that is no directory": "env HOME=/dev/null XDG_CONFIG_HOME=/dev/null",
    "the C locale": "env LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0",
    "a locale that does not exist": "env LC_ALL=xx_YY.KOI8-R",
    "Latin-1": "env PYTHONIOENCODING=latin-1",
    "strict ASCII": "env PYTHONIOENCODING=ascii:strict",
    "UTF-16": "env PYTHONIOENCODING=utf-16",
    "python -O": "env PYTHONOPTIMIZE=2",
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_odd_environments_change_nothing(tmp_path: Path, name: str) -> None:
    """No home, no terminal, no locale, and encodings without our arrows: the same result."""
    with scene(tmp_path) as stage:
        stdout, stderr = shell(
            stage, f"{ENVIRONMENTS[name]} RUN apply --yes --report report.json > out; echo $?"
        )

        assert stdout == "0\n", stderr
        assert b"local/CLIENT_A" in (tmp_path / "out").read_bytes().replace(b"\0", b"")
        stage.assert_one_live_key()
