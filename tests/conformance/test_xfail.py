"""Known failures: each has a reason, none is stale, and one that passes is a failure."""

from dataclasses import replace
from pathlib import Path

import pytest

from radam_conformance import report_text, terminal, xfail
from radam_conformance.cases import load_suite
from radam_conformance.identify import Fit
from radam_conformance.protocol import Hello
from radam_conformance.report import Report, exit_code
from radam_conformance.results import CaseResult, Verdict
from radam_conformance.xfail import KnownFailure, XfailError, load_known
from radam_ref import Dialect

from .sample_ports import port
from .test_cli import Run, check_complaint, run

__all__ = ["run"]

SMOKE = load_suite("core/smoke-0*-f64")
EPS = '[[xfail]]\nid = "core/eps-*"\nreason = "eps is forgotten"\n'


def report(*verdicts: Verdict) -> Report:
    results = tuple(CaseResult(*pair) for pair in zip(SMOKE, verdicts, strict=False))
    return Report("func:x", Hello(1), Dialect(), False, (Fit(Dialect(), 0.0),), results)


def known(reason: str = "it is old", link: str = "https://example.org/1") -> list[KnownFailure]:
    return [KnownFailure("core/smoke-*", reason, link)]


def test_a_failure_that_is_known_is_no_failure() -> None:
    judged = xfail.apply(known(), report("pass", "fail")).results[1:]
    both = xfail.apply([KnownFailure("core/smoke-02-*", "it is old")], report("pass", "fail"))

    assert [(r.verdict, r.found) for r in judged] == [("xfail", "fail")]
    assert exit_code([both]) == 0
    text = terminal.plain(report_text.render(both))
    assert "PASS  1 of 2 cases pass, and 1 are known to fail." in text
    assert "Core[binary64] 1/2 (1 known to fail)" in text
    assert "it is old" in text


def test_a_failure_that_is_known_and_passes_is_one() -> None:
    judged = xfail.apply(known(), report("pass", "pass"))

    assert [result.verdict for result in judged.results] == ["xpass", "xpass"]
    assert exit_code([judged]) == 1
    text = terminal.plain(report_text.render(judged))
    assert "FAIL  0 of 2 cases pass." in text
    assert "take them out of the file of known failures" in " ".join(text.split())


@pytest.mark.parametrize("verdict", ["unsupported", "not-run"])
def test_what_was_not_seen_stays_as_it_is(verdict: Verdict) -> None:
    judged = report(verdict)

    assert xfail.apply(known(), judged) == judged


def test_what_is_known_changes_nothing_that_is_said_of_the_dialect() -> None:
    wrong = replace(report("precision", "pass"))

    assert xfail.apply(known(), wrong).scalars == wrong.scalars == "binary32"
    assert not xfail.apply(known(), report("fail", "pass")).is_identified


def test_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(EPS + '[[xfail]]\nid = "laws/tile-*"\nreason = "vectors"\nlink = "https://x"\n')

    assert load_known(path) == (
        KnownFailure("core/eps-*", "eps is forgotten"),
        KnownFailure("laws/tile-*", "vectors", "https://x"),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (EPS.replace("eps-*", "none-*"), "no case matches 'core/none-*'"),
        (EPS.replace("eps is forgotten", " "), "[[xfail]] number 1 has no reason"),
        ('[[xfail]]\nid = "core/*"\n', "[[xfail]] number 1 has no reason"),
        ('[[xfail]]\nreason = "x"\n', "[[xfail]] number 1 has no id"),
        (EPS + "because = 'x'\n", "must have no other keys than id, reason, link"),
        (EPS + "link = 'issue 1'\n", "must have a link that begins with https://"),
        (EPS + "link = 1\n", "must have strings for id, reason, link"),
        ("xfail = ['core/*']\n", "must have strings for id, reason, link"),
        ("", "must have tables [[xfail]] and nothing else"),
        (EPS + "[more]\n", "must have tables [[xfail]] and nothing else"),
        ("id: core\n", "is no TOML"),
        ("a = " + "[" * 10_000, "is no TOML"),
        ("#" * (2**20 + 1), "has more than 1048576 bytes"),
    ],
)
def test_a_file_that_says_too_little_is_refused_in_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "known.toml"
    path.write_text(text)

    with pytest.raises(XfailError) as caught:
        load_known(path)
    assert sentence in str(caught.value)


def test_a_stale_id_on_the_command_line_exits_2(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(EPS.replace("eps-*", "gone-01-f64"))

    check_complaint(
        run("run", port("textbook").text, "--xfail", str(path)), 2, "matches 'core/gone-01-f64'"
    )
    check_complaint(
        run("run", port("textbook").text, "--xfail", str(tmp_path)), 2, "cannot be read"
    )


@pytest.mark.posix
def test_known_failures_let_a_run_exit_0(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text('[[xfail]]\nid = "core/smoke-01-f64"\nreason = "v is not corrected"\n')
    words = [port("faulty").text, "--set", "fault=v uncorrected", "--only", "core/smoke-01-f64"]

    assert run("run", *words).code == 1
    assert run("run", *words, "--xfail", str(path)).code == 0
