"""A diagnosis as text, literally."""

from dbserver.cli.render import doctor as render_doctor
from dbserver.results.diagnosis import Diagnosis, Finding

CHAIN = Finding("lock-chain", '"Database locked" or "Too many connections"', "postgres", "fault",
                "2 sessions wait", "docker exec c psql", ("holds: pid 1", "waits: pid 2"))  # fmt: skip
PENDING = Finding("settings-pending", "", "postgres", "warning", "settings wait", "docker restart c")


def test_a_finding_is_what_is_wrong_its_evidence_and_the_command_that_mends_it() -> None:
    assert render_doctor.diagnosis(Diagnosis("dev", (CHAIN, PENDING), ("a",), ("b from inside",))) == (
        "FAULT 2 sessions wait\n"
        "      cause: lock-chain (postgres)\n"
        '      shows as: "Database locked" or "Too many connections"\n'
        "        holds: pid 1\n"
        "        waits: pid 2\n"
        "      mend: docker exec c psql\n\n"
        "warn  settings wait\n"
        "      cause: settings-pending (postgres)\n"
        "      mend: docker restart c\n\n"
        "could not look at: b from inside\n\n"
        "causes: docs/how-to/troubleshooting.md"
    )


def test_where_nothing_is_found_it_is_said_what_was_looked_at_and_what_not() -> None:
    assert render_doctor.diagnosis(Diagnosis("dev", (), ("the Docker daemon", "the network"))) == (
        "nothing found; looked at\n  the Docker daemon\n  the network"
    )
    assert render_doctor.diagnosis(Diagnosis("dev", (), (), ("c",))).endswith("\n\ncould not look at: c")
