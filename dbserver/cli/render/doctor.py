"""A diagnosis as text for people, at three in the morning. Pure: a result in, text out."""

from dbserver.results.diagnosis import Diagnosis, Finding

MARKS = {"fault": "FAULT", "warning": "warn "}
INDENT = " " * 6


def diagnosis(found: Diagnosis) -> str:
    """Return each finding with its evidence and its command, or what was looked at."""
    parts = [_finding(finding) for finding in found.findings] or [_nothing(found)]
    if found.not_seen:
        parts.append(f"could not look at: {'; '.join(found.not_seen)}")
    if found.findings:
        parts.append("causes: docs/how-to/troubleshooting.md")
    return "\n\n".join(parts)


def _finding(finding: Finding) -> str:
    head = f"{MARKS[finding.severity]} {finding.what}"
    lines = [f"cause: {finding.cause} ({finding.server})"]
    if finding.issue:
        lines.append(f"shows as: {finding.issue}")
    lines += [f"  {line}" for line in finding.evidence]
    return "\n".join([head, *(INDENT + line for line in [*lines, f"mend: {finding.command}"])])


def _nothing(found: Diagnosis) -> str:
    return "\n".join(["nothing found; looked at", *(f"  {what}" for what in found.looked_at)])
