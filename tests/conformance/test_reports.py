"""Reports in files: whole or not at all, valid for their readers, safe from what ports say."""

import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from radam_conformance import reports
from radam_conformance.cases import load_suite
from radam_conformance.judge import judge
from radam_conformance.report import Report, exit_code
from radam_conformance.reports import Document, NotStarted, Target, html, junit, markdown
from radam_conformance.reports.document import first_rectified
from radam_conformance.results import CaseResult, Known, Verdict
from radam_ref import Dialect, rho

from ..tiers import mostly_slow
from .sample_ports import port
from .test_cli import Run, run

__all__ = ["run"]

pytestmark = pytest.mark.posix

SCRIPT = str(Path(sysconfig.get_path("scripts")) / "radam-conformance")
RUDE = "<script>alert(1)</script> | `x` | @everyone\n\x1b[31m\x00 ]]> https://example.org/a.png"


@pytest.fixture(scope="module")
def failing() -> Report:
    """A port whose first moment is not corrected, on a few cases."""
    faulty = port("faulty", fault="m uncorrected")
    return judge(faulty, load_suite(["core/smoke-01-*", "core/never-rectified-01-*"]))


@pytest.fixture(scope="module")
def passing() -> Report:
    return judge(port("textbook"), load_suite("core/smoke-01-*"))


@pytest.fixture(scope="module")
def rude(failing: Report) -> Report:
    """Every verdict once, in a port that says what no report may take for markup."""
    verdicts: tuple[Verdict, ...] = (
        "pass", "fail", "precision", "dialect-mismatch", "error", "rejected", "crash", "timeout",
        "protocol-error", "unsupported", "either-branch", "not-run", "xfail", "xpass",
    )  # fmt: skip
    known = Known("fail", RUDE, "https://example.org/1")
    results = [
        CaseResult(case, verdict, RUDE, known=known if verdict[0] == "x" else None)
        for case, verdict in zip(load_suite("core/*-f64"), verdicts, strict=False)
    ]
    return replace(failing, spec=f"cmd:./{RUDE}", results=tuple(results), diagnosis=None)


def document(*judged: Report, **others: Any) -> Document:
    return reports.document(judged, exit_code=exit_code(judged), **others)


def saved(content: Document, kind: str, folder: Path) -> str:
    reports.write([Target(kind, folder / "report")], content)
    return (folder / "report").read_text(encoding="utf-8")


# JSON


def test_json_is_read_again_as_it_was_written(
    failing: Report, passing: Report, rude: Report, tmp_path: Path
) -> None:
    content = document(failing, passing, rude, not_started=[NotStarted("cmd:./x", RUDE)])
    saved(content, "json", tmp_path)

    assert reports.read_report(tmp_path / "report") == content
    assert reports.read_report(str(tmp_path / "report")) == content


def test_json_has_the_bits_of_the_first_bad_number(failing: Report) -> None:
    (port,) = json.loads(json.dumps(document(failing)))["ports"]
    read = [case["first_bad"] for case in port["cases"]]

    assert read == [result.first_bad._asdict() for result in failing.results if result.first_bad]


def test_the_schema_is_one_and_takes_no_other_keys() -> None:
    schema = reports.schema()
    Draft202012Validator.check_schema(schema)
    objects = [node for node in nodes(schema) if node.get("type") == "object"]

    assert len(objects) > 10
    assert all(node["additionalProperties"] is False for node in objects)
    assert all(node["required"] == list(node["properties"]) for node in objects)


def nodes(value: object) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [node for item in value for node in nodes(item)]
    if isinstance(value, dict):
        return [value, *(node for item in value.values() for node in nodes(item))]
    return []


@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_report_that_is_cut_off_is_seen_to_be_one(passing: Report, cut: float) -> None:
    whole = json.dumps(document(passing), indent=1).encode()
    end = max(1, int(cut * (whole.rindex(b'"footer"') - 1)))

    with pytest.raises(reports.ReportError, match="is cut off: it has no footer"):
        reports.parse_report(whole[:end])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"footer": {"ports": 1, "cases": 5}}, "is not whole: it has"),
        ({"format": 2}, "has format 2, and this reader knows 1 alone"),
        ({"kind": "poem"}, "is no report of radam-conformance run"),
        ({"grade": "binary16"}, "is not valid: grade: 'binary16' is not one of"),
        ({"more": 1}, "is not valid: the document: Additional properties are not allowed"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(
    passing: Report, change: dict[str, Any], sentence: str
) -> None:
    content = document(passing) | change

    with pytest.raises(reports.ReportError, match=re.escape(sentence)):
        reports.parse_report(json.dumps(content).encode())


def test_a_file_that_is_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(reports.ReportError, match="cannot be read: No such file"):
        reports.read_report(tmp_path / "none.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(content=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_content_breaks_the_reader(content: bytes) -> None:
    with pytest.raises(reports.ReportError):
        reports.parse_report(content)


@given(data=st.data())
@settings(max_examples=60)
def test_no_change_of_a_report_breaks_the_reader(passing: Report, data: st.DataObject) -> None:
    whole = bytearray(json.dumps(document(passing)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read = reports.parse_report(bytes(whole))
    except reports.ReportError:
        return
    assert read["kind"] == "radam-conformance report"


def test_a_deep_nest_is_no_report() -> None:
    with pytest.raises(reports.ReportError, match="is no JSON"):
        reports.parse_report(b"[" * 100_000)


@pytest.mark.parametrize("threshold", [4.0, 5.0])
def test_the_first_rectified_step_is_the_first_whose_rho_is_above_the_threshold(
    threshold: float,
) -> None:
    for case in load_suite(["core/crossing-*-f64", "core/never-rectified-*-f64"]):
        above = [t for t in range(1, 41) if rho(t, case.hyper[0].beta2) > threshold]
        found = first_rectified(case, Dialect(threshold=threshold))

        assert found == (above[0] if above else None)


# JUnit


def test_junit_counts_what_it_has(failing: Report, passing: Report, rude: Report) -> None:
    content = document(failing, passing, rude, not_started=[NotStarted("cmd:./x", RUDE)])
    root = ET.fromstring(reports.KINDS["junit"](content))

    assert "skipped" not in root.attrib  # Jenkins
    for tag, count in (("testcase", "tests"), ("failure", "failures"), ("error", "errors")):
        assert int(root.attrib[count]) == len(root.findall(f".//{tag}"))
        for suite in root.findall("testsuite"):
            assert int(suite.attrib[count]) == len(suite.findall(f".//{tag}"))
    for suite in root.findall("testsuite"):
        assert int(suite.attrib["skipped"]) == len(suite.findall(".//skipped"))


def test_junit_has_the_elements_that_its_readers_know(rude: Report) -> None:
    root = ET.fromstring(reports.KINDS["junit"](document(rude)))
    known = {
        "testsuites": {"testsuite"},
        "testsuite": {"properties", "testcase"},
        "properties": {"property"},
        "testcase": {"properties", "failure", "error", "skipped"},
    }
    for element in root.iter():
        assert {child.tag for child in element} <= known.get(element.tag, set())
    for case in root.iter("testcase"):
        assert {"classname", "name", "time"} == set(case.attrib)
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names))


def test_junit_maps_each_verdict_and_keeps_it(rude: Report) -> None:
    root = ET.fromstring(reports.KINDS["junit"](document(rude)))
    kinds = {}
    for case in root.iter("testcase"):
        (status,) = case.findall("properties/property[@name='rawStatus']")
        kinds[status.get("value")] = [child.tag for child in case if child.tag != "properties"]

    assert kinds == {
        **{verdict: [] for verdict in ("pass", "either-branch")},
        **{verdict: ["skipped"] for verdict in ("unsupported", "xfail")},
        **{verdict: ["failure"] for verdict in junit.FAILURES},
        **{verdict: ["error"] for verdict in junit.ERRORS},
    }
    assert junit.FAILURES == ("fail", "precision", "dialect-mismatch", "rejected", "xpass")


def test_grade_binary32_forgives_in_junit_too(rude: Report) -> None:
    root = ET.fromstring(reports.KINDS["junit"](document(rude, grade="binary32")))

    assert [failure.get("type") for failure in root.iter("failure")].count("precision") == 0


# Markdown


def test_markdown_has_the_headline_the_cause_and_the_numbers(failing: Report) -> None:
    text = reports.KINDS["md"](document(failing))

    assert r"Core\[binary64\] 0/4" in text
    assert "**FAIL** 0 of 4 cases pass." in text
    assert re.search(r"4 of 4 failing cases; Algorithm 2, line \d+; first at step 1 of ", text)
    assert "radam-conformance run " in text
    assert text.count("<details>") == text.count("</details>") == 1
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
    assert len(rows) == 2 + 4


def test_every_kind_has_the_page_that_explains_the_first_wrong_step() -> None:
    faulty = port("faulty", fault="m uncorrected")
    content = document(judge(faulty, load_suite("core/smoke-01-f64"), explain=True))
    (page,) = content["ports"][0]["explanations"]
    line = "m_hat = m_t/(1-beta1^t)"

    assert (page["case"], page["step"]) == ("core/smoke-01-f64", 1)
    assert line in page["text"]
    assert line in html.render(content)
    assert f"```text\n{page['text']}\n```" in markdown.render(content)


def test_markdown_takes_nothing_that_a_port_says_for_markup(rude: Report) -> None:
    text = reports.KINDS["md"](document(rude))
    outside = re.sub(r"^(`{3,})sh\n.*?^\1$", "", text, flags=re.M | re.S)
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)

    assert "@everyone" not in outside
    assert "<script" not in outside.replace(r"\<", "")


def test_markdown_fits_into_a_comment_on_github(failing: Report) -> None:
    many = replace(failing, results=failing.results * 100)

    assert len(reports.KINDS["md"](document(many, many))) < 65_536


@given(text=st.text())
def test_a_code_span_is_closed_by_its_own_fence_alone(text: str) -> None:
    span = markdown.code(text)
    fence = re.match("`+", span)

    assert fence is not None
    runs = re.findall("`+", span)
    assert runs[0] == runs[-1]
    assert fence.group() not in runs[1:-1]
    assert "\n" not in span
    assert "|" not in span.replace("\\|", "")


# HTML


class Links(HTMLParser):
    """What a page loads, and where it leads."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster", "background", "action"):
                self.loaded.append(f"{tag} {name}={value}")
            if name in ("href", "xlink:href") and tag != "a":
                self.loaded.append(f"{tag} {name}={value}")
            assert not name.startswith("on")


def test_html_loads_nothing_and_runs_nothing(failing: Report, rude: Report) -> None:
    page = reports.KINDS["html"](document(failing, rude))
    links = Links()
    links.feed(page)

    assert links.loaded == []
    assert {"script", "link", "iframe", "img", "object"}.isdisjoint(links.tags)
    assert "url(" not in page
    assert "@import" not in page


def test_html_has_a_plot_of_every_failing_case_with_its_first_rectified_step(
    failing: Report,
) -> None:
    page = reports.KINDS["html"](document(failing))
    figures = dict(re.findall(r'<figure id="plot-(.*?)">(.*?)</figure>', page, re.S))

    assert set(figures) == {result.case.id for result in failing.results}
    for id, figure in figures.items():
        assert figure.count("<circle") == 1 + len(load_suite(id)[0].observe)
        assert ('class="rectified"' in figure) == id.startswith("core/smoke")
    assert "rectified from step 5" in figures["core/smoke-01-f64"]


def test_html_has_the_denominators_the_cases_and_the_commands(failing: Report) -> None:
    page = reports.KINDS["html"](document(failing))

    assert "0/4" in page
    for result in failing.results:
        assert f'title="{result.case.id}: fail.' in page
    assert "--only core/smoke-01-f64</pre>" in page


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
MEASURE = """<!doctype html><title>measure</title>
<iframe id="page" style="width: {width}px; height: 900px; border: 0" srcdoc="{page}"></iframe>
<script>
document.getElementById("page").onload = (event) => {{
  const page = event.target.contentDocument;
  for (const folded of page.querySelectorAll("details")) folded.open = true;
  document.title = [page.documentElement.scrollWidth, page.querySelectorAll("figure").length,
    Math.round(page.querySelector("svg").getBoundingClientRect().width)].join(" ");
}};
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("width", [1200, 400])
def test_a_browser_shows_the_page_without_a_horizontal_scroll_bar(
    failing: Report, rude: Report, tmp_path: Path, width: int
) -> None:
    long = replace(rude, spec="func:" + "a/very/long/path/" * 20 + "port.py:step")
    page = reports.KINDS["html"](document(failing, long, not_started=[NotStarted("x", RUDE)]))
    quoted = page.replace("&", "&amp;").replace('"', "&quot;")
    (tmp_path / "measure.html").write_text(MEASURE.format(width=width, page=quoted))
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu",
            "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=5000", "--dump-dom", (tmp_path / "measure.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    measured = re.search(r"<title>(\d+) (\d+) (\d+)</title>", done.stdout)

    assert measured is not None, done.stderr[-500:]
    total, figures, drawn = map(int, measured.groups())
    assert total <= width
    assert figures == len(failing.results)
    assert 250 <= drawn <= width


def test_every_verdict_has_a_sign() -> None:
    verdicts = reports.schema()["$defs"]["verdict"]["enum"]

    assert set(html.SIGNS) == set(verdicts)


# Badge

CORE = load_suite("core/*")
SIZE = len(CORE)


@pytest.fixture(scope="module")
def whole(passing: Report) -> Report:
    """Every case of Core passes."""
    return replace(passing, results=tuple(CaseResult(case, "pass") for case in CORE))


def changed(report: Report, verdict: Verdict, count: int = 1) -> Report:
    """The same report, but the first results have this verdict."""
    known = Known("fail", "known", "") if verdict[0] == "x" else None
    first = [replace(r, verdict=verdict, known=known) for r in report.results[:count]]
    return replace(report, results=(*first, *report.results[count:]))


def badge(*judged: Report, **others: Any) -> dict[str, Any]:
    return dict(json.loads(reports.KINDS["badge"](document(*judged, **others))))


def test_a_badge_has_what_the_endpoint_of_shields_takes(whole: Report) -> None:
    # It rejects any other key, and an empty message.
    content = badge(whole)

    assert content.keys() == {"schemaVersion", "label", "message", "color", "isError"}
    assert (content["schemaVersion"], content["label"]) == (1, "RAdam conformance")
    assert content["isError"] is False


@pytest.mark.parametrize(
    ("verdict", "count", "message", "color"),
    [
        ("pass", 0, f"paper, Core {SIZE}/{SIZE}", "brightgreen"),
        ("either-branch", 1, f"paper, Core {SIZE}/{SIZE}", "brightgreen"),
        ("xfail", 2, f"Core {SIZE - 2}/{SIZE}, 2 known to fail", "yellow"),
        ("precision", 12, f"single-precision coefficients: Core {SIZE - 12}/{SIZE}", "orange"),
        ("fail", SIZE - 10, f"fails: Core 10/{SIZE}", "red"),
        ("crash", 1, f"fails: Core {SIZE - 1}/{SIZE}", "red"),
        ("unsupported", 1, f"fails: Core {SIZE - 1}/{SIZE}", "red"),
        ("not-run", SIZE, "nothing ran", "lightgrey"),
    ],
)
def test_a_badge_states_the_verdict_and_the_count(
    whole: Report, verdict: Verdict, count: int, message: str, color: str
) -> None:
    content = badge(changed(whole, verdict, count))

    assert (content["message"], content["color"]) == (message, color)


def test_a_badge_names_a_dialect_that_was_asked_for(whole: Report) -> None:
    content = badge(replace(changed(whole, "xfail"), by_name=True))

    assert content["message"] == f"paper, Core {SIZE - 1}/{SIZE}, 1 known to fail"


@pytest.mark.parametrize("grade", ["binary64", "binary32"])
@pytest.mark.parametrize("verdict", reports.schema()["$defs"]["verdict"]["enum"])
def test_a_badge_is_no_error_only_where_run_exits_with_0(
    whole: Report, verdict: Verdict, grade: str
) -> None:
    report = changed(whole, verdict)
    content = badge(report, grade=grade)

    assert content["isError"] == (exit_code([report], grade=grade) != 0)
    assert (content["color"] == "brightgreen") == (verdict in ("pass", "either-branch"))


def test_a_badge_of_a_part_of_core_says_so_and_is_yellow(passing: Report, whole: Report) -> None:
    profile = tuple(CaseResult(case, "pass") for case in load_suite("schedule/*"))
    n = len(profile)
    outcomes = [
        badge(passing),
        badge(replace(passing, results=profile)),
        badge(replace(whole, results=(*whole.results, *profile))),
    ]

    assert [(content["message"], content["color"]) for content in outcomes] == [
        (f"paper, Core 2/2 of {SIZE}", "yellow"),
        (f"paper, profiles {n}/{n}", "yellow"),
        (f"paper, Core {SIZE}/{SIZE}, profiles {n}/{n}", "brightgreen"),
    ]


def test_a_badge_of_a_run_without_its_end_is_grey_or_red(whole: Report) -> None:
    stopped = changed(whole, "not-run", SIZE - 40)
    outcomes = [
        badge(replace(stopped, gave_up="given up after 3 restarts")),
        badge(replace(stopped, interrupted=True)),
        badge(whole, complete=False),
        badge(not_started=[NotStarted("cmd:./x", "there is no file")]),
        badge(),
    ]

    assert [(content["message"], content["color"]) for content in outcomes] == [
        (f"given up: Core 40/{SIZE}", "red"),
        ("incomplete", "lightgrey"),
        ("incomplete", "lightgrey"),
        ("could not start", "lightgrey"),
        ("nothing ran", "lightgrey"),
    ]
    assert all(content["isError"] for content in outcomes)


def test_a_badge_of_several_implementations_counts_them_and_has_the_worst_color(
    whole: Report,
) -> None:
    failed, known = changed(whole, "fail"), changed(whole, "xfail")
    absent = [NotStarted("cmd:./x", "there is no file")]
    outcomes = [
        badge(whole, whole),
        badge(whole, known),
        badge(whole, whole, not_started=absent),
        badge(failed, whole, known, whole),
    ]

    assert [(content["message"], content["color"]) for content in outcomes] == [
        ("2 of 2 pass", "brightgreen"),
        ("2 of 2 pass", "yellow"),
        ("2 of 3 pass", "lightgrey"),
        ("3 of 4 pass", "red"),
    ]


# Files


SMOKE = [port("textbook").text, "--only", "core/smoke-01-f64"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("pdf:x", "one of json:FILE, junit:FILE, html:FILE, md:FILE, badge:FILE, got 'pdf:x'"),
        ("json", "must be one of json:FILE"),
        ("html:", "must be one of json:FILE"),
        ("html:nowhere/x.html", "cannot be written: there is no folder 'nowhere'"),
        ("html:.", "cannot be written: is a folder"),
        ("json:-", "cannot be written: a report goes to a file, not to stdout"),
        ("json:/dev/null", "cannot be written: is a link or a device"),
        ("json:/dev/stdout", "cannot be written: is a link or a device"),
        (f"json:{'a' * 300}", "cannot be written: File name too long"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_the_run(word: str, sentence: str) -> None:
    with pytest.raises(reports.TargetError, match=re.escape(sentence)):
        reports.parse_targets([word])


def test_no_two_reports_go_into_one_file() -> None:
    with pytest.raises(reports.TargetError, match="names the file 'x' twice"):
        reports.parse_targets(["json:x", "md:x"])


def test_run_writes_every_kind_over_several_ports(run: Run, tmp_path: Path) -> None:
    kinds = [f"--report={kind}:{tmp_path / kind}" for kind in reports.KINDS]
    done = run("run", "func:nowhere.py:step", *SMOKE, *kinds)

    assert done.code == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(reports.KINDS)
    content = reports.read_report(tmp_path / "json")
    assert (content["exit_code"], content["complete"]) == (3, True)
    assert [port["conclusion"] for port in content["ports"]] == ["PASS"]
    assert [port["spec"] for port in content["not_started"]] == ["func:nowhere.py:step"]
    for kind in ("html", "md", "junit"):
        assert "there is no file" in (tmp_path / kind).read_text(encoding="utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    mostly_slow(
        [
            ("> /dev/full", 2, "stdout cannot be written: No space left on device\n"),
            ("| true", 0, ""),
            (">&-", 0, ""),
            ("2> /dev/full", 0, ""),
        ],
        fast=1,
    ),
)
def test_a_stdout_that_takes_nothing_costs_no_report(
    tmp_path: Path, words: str, code: int, said: str
) -> None:
    path = tmp_path / "report.json"
    script = f'set -o pipefail; "$0" "$@" {words}'
    command = ["bash", "-c", script, SCRIPT, "run", *SMOKE, f"--report=json:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stderr) == (code, f"radam-conformance: {said}" if said else "")
    assert reports.read_report(path)["exit_code"] == 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_verdict_says_more_than_a_full_stdout(tmp_path: Path) -> None:
    wrong = [port("textbook").text, "--set", "scalars=mixed", "--only", "core/crossing-06-f64"]
    command = ["bash", "-c", '"$0" "$@" > /dev/full', SCRIPT, "run", *wrong]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert done.returncode == 1
    assert "stdout cannot be written" in done.stderr


@pytest.mark.parametrize("encoding", mostly_slow(["ascii", "cp1252"], fast=1))
def test_signs_that_the_terminal_lacks_are_question_marks(encoding: str) -> None:
    wrong = [port("faulty").text, "--set", "fault=t counts twice", "--explain"]
    command = [SCRIPT, "run", *wrong, "--only", "core/smoke-01-f64"]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, timeout=120, env=environment)
    text = done.stdout.decode(encoding)

    assert (done.returncode, done.stderr) == (1, b"")
    assert "reproduce: radam-conformance run" in text
    assert "?" in text


def test_a_full_disk_leaves_the_earlier_report_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("earlier")
    limited = ["bash", "-c", 'ulimit -f 2; exec "$0" "$@"', SCRIPT, "run"]  # in KiB
    command = [*limited, *SMOKE, f"--report=html:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert done.returncode == 2
    assert done.stderr == (
        f"radam-conformance: --report html:{path}: cannot be written: File too large\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "earlier"


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_leaves_a_partial_report_and_no_process(tmp_path: Path, jobs: str) -> None:
    sleepy = [port("misbehaving").text, "--set", "deed=sleep", "--set", "at_lr=1.0"]
    cases = ["--only", "core/*-f64", "-j", jobs]
    words = [SCRIPT, "run", *sleepy, *cases, f"--report=json:{tmp_path / 'report.json'}"]
    judge = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    workers = wait_for_workers(judge.pid, int(jobs))
    judge.send_signal(signal.SIGINT)
    out, err = judge.communicate(timeout=60)
    content = reports.read_report(tmp_path / "report.json")
    verdicts = [case["verdict"] for case in content["ports"][0]["cases"]]

    assert judge.returncode == content["exit_code"] == 130
    assert err == "radam-conformance: interrupted\n"
    passed = verdicts.count("pass")
    assert f"interrupted: {passed} of {len(verdicts)} cases ran, {passed} pass." in out
    assert content["complete"] is False
    assert set(verdicts) == {"pass", "not-run"}
    assert len(verdicts) == len(load_suite("core/*-f64"))
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []


def wait_for_workers(pid: int, count: int) -> list[int]:
    """The judge's workers, once each has used processor time and then slept for a while."""
    before: dict[int, int] = {}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(1.0)
        now = {child: ticks(child) for child in children(pid)}
        if len(now) == count and now == before:
            return list(now)
        before = now
    raise TimeoutError(f"the workers never fell asleep: {before}")


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-Ao", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [line.split() for line in listed.stdout.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
