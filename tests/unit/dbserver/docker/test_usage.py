"""What a container uses: asked in the server's own command, read from both versions of control groups."""

import pytest

from dbserver.docker import usage
from dbserver.docker.host import IDENTITY_OF
from dbserver.docker.usage import Usage

VERSION_1 = """\
disk 4096 1000 250 900 800
memory/memory.usage_in_bytes:70000000
memory/memory.oom_control:oom_kill 2
memory/memory.stat:inactive_file 1
memory/memory.stat:total_inactive_file 20000000
"""
VERSION_2 = """\
disk 4096 1000 250 900 800
memory.current:70000000
memory.events:oom_kill 2
memory.stat:inactive_file 20000000
"""


def test_the_figures_are_printed_before_the_server_is_asked() -> None:
    argv = usage.before(["docker", "exec", "-i", "c", "psql", "-X"], "redis")
    assert (argv[:6], argv[7:]) == (["docker", "exec", "-i", "c", "sh", "-c"], ["sh", "psql", "-X"])
    script = argv[6].replace(f"identity() {{\n{IDENTITY_OF.strip()}\n}}\n", "")
    assert script == (
        "identity /data /usr/local/etc/redis/db-server-identity 2>/dev/null\n"
        "stat -fc 'disk %S %b %a %c %d' /data 2>/dev/null\n"
        "cd /sys/fs/cgroup 2>/dev/null && grep -sE '^(oom_kill |(total_)?inactive_file |[0-9]+$)' "
        "memory.current memory.events memory.stat "
        "memory/memory.usage_in_bytes memory/memory.oom_control memory/memory.stat\n"
        'exec timeout 10 "$@"\n'
    )


@pytest.mark.parametrize("printed", [VERSION_1, VERSION_2])
def test_memory_leaves_out_what_the_kernel_can_drop(printed: str) -> None:
    assert usage.parse(printed) == Usage(50_000_000, 2, 250 * 4096, 1000 * 4096, 800)


def test_what_is_not_printed_is_unknown() -> None:
    assert usage.parse("") == Usage()
    assert usage.parse("memory.current:1\n{}\n") == Usage(memory_used=1)


def test_a_file_system_without_a_number_of_inodes_has_none_left_to_tell() -> None:
    assert usage.parse("disk 4096 1000 250 0 0\n").inodes_free is None


def test_a_reply_of_the_server_is_no_figure() -> None:
    assert usage.parse('{"disk 1 1 1 1 1": 1}\nused_memory:7\nmemory.x:y\n') == Usage()
