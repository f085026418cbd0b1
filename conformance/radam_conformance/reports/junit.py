"""A report as JUnit XML, in the part of it that Jenkins, GitHub and GitLab read alike.

`failure` is a wrong result, `error` one that never came, `skipped` what is no claim. The judge has
more verdicts than these, so the property `rawStatus` has the verdict itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from .document import Document
from .words import because

FAILURES = ("fail", "precision", "dialect-mismatch", "rejected", "xpass")
ERRORS = ("error", "crash", "timeout", "protocol-error", "not-run")
# What XML 1.0 has no way to write, not even escaped.
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(document: Document) -> str:
    """The whole file: a suite for each part of each port."""
    root = ET.Element("testsuites", name="radam-conformance")
    suites = [*_suites(document)]
    root.extend(suites)
    # Jenkins refuses `skipped` here, where the suites below have it.
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, 0)) for suite in suites)))
    root.set("time", f"{sum(float(suite.get('time', 0)) for suite in suites):.3f}")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _suites(document: Document) -> Iterator[ET.Element]:
    for port in document["ports"]:
        for part in dict.fromkeys(case["part"] for case in port["cases"]):
            cases = [case for case in port["cases"] if case["part"] == part]
            yield _suite(document, port, part, cases)
    for failure in document["not_started"]:
        case = ET.Element("testcase", classname=_xml(failure["spec"]), name="start", time="0")
        ET.SubElement(case, "error", message=_xml(failure["reason"]), type="not-started")
        yield _counted(_xml(failure["spec"]), document, [case])


def _suite(document: Document, port: Document, part: str, cases: list[Document]) -> ET.Element:
    # Jenkins takes what follows the last dot of a class for its name.
    name = f"{port['spec']}.{part.replace('.', '-')}"
    suite = _counted(_xml(name), document, [_case(name, case) for case in cases])
    properties = ET.Element("properties")
    for key in ("headline", "version", "language"):
        ET.SubElement(properties, "property", name=key, value=_xml(port[key]))
    suite.insert(0, properties)
    return suite


def _counted(name: str, document: Document, cases: list[ET.Element]) -> ET.Element:
    suite = ET.Element("testsuite", name=name, tests=str(len(cases)))
    for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")
    suite.set("timestamp", document["date"][:19])
    suite.extend(cases)
    return suite


def _case(classname: str, case: Document) -> ET.Element:
    verdict = case["verdict"]
    element = ET.Element(
        "testcase", classname=_xml(classname), name=case["id"], time=f"{case['seconds']:.3f}"
    )
    properties = ET.SubElement(element, "properties")
    ET.SubElement(properties, "property", name="rawStatus", value=verdict)
    words = _xml(because(case))
    if not case["accepted"] and verdict in (*FAILURES, *ERRORS):
        tag = "failure" if verdict in FAILURES else "error"
        child = ET.SubElement(element, tag, message=words, type=verdict)
        child.text = f"{words}\nreproduce: {_xml(case['reproduce'])}"
    elif verdict in ("xfail", "unsupported"):
        ET.SubElement(element, "skipped", message=f"{verdict}: {words}")
    return element


def _xml(text: str) -> str:
    return NOT_IN_XML.sub("\ufffd", text)
