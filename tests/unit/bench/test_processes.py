import pytest

from bench.processes import Seen, role, table


@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        (["pulumi", "up", "--yes"], "engine"),
        (["/parts/bin/pulumi-language-python", "-root=/x", "127.0.0.1:1"], "language host"),
        (["python", "-m", "pip", "list", "-v"], "language host's look at installed packages (pip)"),
        (["python", "-u", "/parts/bin/pulumi-language-python-exec", "--engine"], "the program"),
        (["python3", "-u", "-m", "pulumi.dynamic", "127.0.0.1:1"], "dynamic provider"),
        (["/parts/plugins/resource-docker-v5.2.0/pulumi-resource-docker", "127.0.0.1:1"], "docker plugin"),
        (["docker", "image", "inspect", "pulumi"], "docker commands"),
        (["git", "status"], "other (git)"),
        ([], "other"),
    ],
)
def test_a_process_is_named_by_what_it_does(command_line: list[str], expected: str) -> None:
    assert role(command_line) == expected


def test_processes_of_one_kind_share_a_row_in_the_order_of_their_first_start() -> None:
    seen = [
        Seen("docker commands", 1.5, 2.0, 0.1),
        Seen("engine", 0.0, 3.0, 0.5),
        Seen("docker commands", 1.0, 1.2, 0.2),
    ]
    assert table("T", seen, "n").rows == [
        ("engine", "1", "0.00 s", "3.00 s", "3.00 s", "0.50 s"),
        ("docker commands", "2", "1.00 s", "2.00 s", "0.70 s", "0.30 s"),
    ]
