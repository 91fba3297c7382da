"""What verify found as JUnit XML, which GitLab, Jenkins and GitHub's actions show as tests."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from kvprep.errors import ConfigError
from kvprep.store.findings import VerifyReport
from kvprep.types import Finding, Severity

_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, report: VerifyReport, seconds: float) -> None:
    """Write a report: one test for each kind of thing that was checked, and one for each finding.

    Args:
        path: replaced if it is there.
        report: what was found.
        seconds: what it took.

    Raises:
        ConfigError: the file cannot be written.
    """
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    cases = [*_counted(report), *map(_case, report.findings)]
    numbers = {"tests": str(len(cases)), "failures": str(len(errors)), "errors": "0", "time": f"{seconds:.3f}"}
    root = ElementTree.Element("testsuites", {"name": "kvprep verify", **numbers})
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"kvprep verify, level {report.level}", **numbers})
    suite.extend(cases)
    for case in cases:
        case.set("classname", f"kvprep.verify.{report.level}")
        case.set("time", "0")
    ElementTree.indent(root)
    try:
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="Check --junit.") from error


def _counted(report: VerifyReport) -> Iterator[ElementTree.Element]:
    for kind, count in report.checked.items():
        case = ElementTree.Element("testcase", {"name": f"{kind} checked"})  # the same test in every run
        ElementTree.SubElement(case, "system-out").text = str(count)
        yield case


def _case(finding: Finding) -> ElementTree.Element:
    case = ElementTree.Element("testcase", {"name": _text(finding.subject)})
    text = _text(f"{finding.problem}. {finding.remedy}")
    if finding.severity is Severity.ERROR:
        failure = ElementTree.SubElement(case, "failure", {"message": _text(finding.problem), "type": "damage"})
        failure.text = text
    else:
        ElementTree.SubElement(case, "system-out").text = text
    return case


def _text(text: str) -> str:
    """Write what XML has no character for, as it may be in the name of a stranger's file, with a backslash."""
    return _NOT_XML.sub(lambda match: ascii(match[0])[1:-1], text)
