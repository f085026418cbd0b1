"""docs/protocol.md: its grammar is what is spoken, its transcripts are what was said."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from radam_conformance import new_harness
from radam_conformance.cases import load_suite
from radam_conformance.features import FEATURES
from radam_conformance.protocol import Refusal, write_request
from radam_conformance.protocol_reader import AnswerReader, read_hello, read_request
from radam_conformance.schedule import request

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
GRAMMAR, *TRANSCRIPTS = re.findall(r"^```\n(.*?)^```", PAGE, re.M | re.S)


@cache
def rules() -> dict[str, tuple[str, list[str]]]:
    """By name: `:` for a line or `=` for a part, and the tokens of the definition."""
    found = {}
    for line in GRAMMAR.splitlines():
        names, kind, definition = re.split(r"\s+([:=])\s", line.partition(";")[0], maxsplit=1)
        tokens = re.findall(r'"[^"]*"|/\S+/|\w+|[()|*+?]', definition)
        found.update(dict.fromkeys(names.split(), (kind, tokens)))
    return found


@cache
def pattern(name: str) -> str:
    """A rule as a regular expression for text whose words all have a blank behind them."""
    kind, tokens = rules()[name]
    return "(?:" + "".join(map(translated, tokens)) + ")" + "\n" * (kind == ":")


def translated(token: str) -> str:
    if token in ("(", ")", "|", "*", "+", "?"):
        return token.replace("(", "(?:")
    if token[0] in '"/':
        return f"(?:(?:{token[1:-1]}) )"
    return f"(?:{pattern(token)})"


def matches(name: str, text: str) -> bool:
    words = "".join(" ".join([*line.split(), "\n"]) for line in text.splitlines())
    return re.fullmatch(pattern(name), words) is not None


def test_the_grammar_is_short_and_every_feature_is_on_the_page() -> None:
    assert len(GRAMMAR.splitlines()) < 30
    assert all(f"| `{feature}` |" in PAGE for feature in FEATURES)


def test_every_request_of_the_suite_is_in_the_grammar() -> None:
    strange = [c.id for c in load_suite() if not matches("case", write_request(request(c)))]

    assert strange == []


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_a_transcript_is_a_session(transcript: str) -> None:
    assert matches("session", re.sub(r"^[<>] ", "", transcript, flags=re.M))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hello 1", "hello 0"),
        ("run ", "ran "),
        ("float32 1", "float80 1"),
        ("3feffc0000000000", "0.9995"),
        ("x 0 0 2 3f000000", "x 0 0 2 3f0000"),
        ("decoupled 1", "decoupled 2"),
        ("observe 1\n", ""),
        ("end\nx", "x"),
        ("quit\n", "quit now\n"),
    ],
)
def test_what_is_no_session_is_not_in_the_grammar(old: str, new: str) -> None:
    session = re.sub(r"^[<>] ", "", TRANSCRIPTS[0], flags=re.M)

    assert old in session
    assert not matches("session", session.replace(old, new, 1))


def said(transcript: str, mark: str) -> list[str]:
    return [line[2:] for line in transcript.splitlines() if line.startswith(mark)]


@pytest.mark.parametrize(
    ("transcript", "kinds"),
    [(TRANSCRIPTS[0], ["x"]), (TRANSCRIPTS[1], ["x", "unsupported", "rejected"])],
)
def test_the_judge_reads_a_transcript_to_its_end(transcript: str, kinds: list[str]) -> None:
    greeting, *answers = (line.encode() for line in said(transcript, "<"))
    asked = "\n".join(said(transcript, ">")[1:-1]).removesuffix("\nend").split("\nend\n")
    rest = iter(answers)

    assert read_hello(greeting).dtypes == ("float64", "float32")
    assert [answered(block, rest) for block in asked] == kinds
    assert list(rest) == []


def answered(block: str, answers: Iterator[bytes]) -> str:
    """Kind of the refusal of a case, or what was shown of every observed step and tensor."""
    case = read_request(block.splitlines())
    assert write_request(case) == f"{block}\nend\n"
    reader = AnswerReader(case)
    try:
        complete = next(filter(None, map(reader.feed, answers)))
    except Refusal as refusal:
        return refusal.kind
    assert len(complete.m) == len(complete.v) == len(case.observe) * len(case.x0)
    return "x"


@pytest.mark.posix
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed")
def test_the_finished_harness_says_the_transcripts_word_for_word(tmp_path: Path) -> None:
    new_harness.write(tmp_path, "c")
    build = "cc -ffp-contract=off -o finished finished.c -lm".split()
    subprocess.run(build, cwd=tmp_path, check=True, timeout=120)
    for transcript in TRANSCRIPTS:
        asked = "\n".join([*said(transcript, ">"), ""])
        done = subprocess.run(
            [tmp_path / "finished"], input=asked, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stdout.splitlines()) == (0, said(transcript, "<"))


def test_the_first_transcript_moves_by_lr_times_the_gradient() -> None:
    (answer,) = re.findall(r"^< x 1 0 .*", TRANSCRIPTS[0], re.M)
    reader = AnswerReader(read_request(said(TRANSCRIPTS[0], ">")[1:-2]))
    reader.feed(answer[2:].encode())
    complete = reader.feed(b"end")

    assert complete is not None
    assert complete.x[1, 0] == (0.5 - 0.5 * 1.0, -1.25 - 0.5 * -0.25)
