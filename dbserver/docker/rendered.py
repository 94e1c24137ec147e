"""What a server's rendered files are like, told in its container before another command runs there. Pure."""

from collections.abc import Sequence

from dbserver import cleaning, contract

# Rights, owners and contents. What the container's root cannot read differs from what it could.
SCRIPT = """\
cd "$0" && mark=$1 && shift && for file in * "$mark"; do
[ -e "$file" ] || continue
printf 'file %s ' "$(stat -c '%n %a %u %g' "$file")"; sha256sum <"$file"; done; exec "$@"
"""
# `docker exec -i CONTAINER`: what stands before the command inside.
OUTSIDE = 4
MARK = "file "


def before(argv: Sequence[str], server: str) -> list[str]:
    """Return a `docker exec -i CONTAINER ...` that first prints a line for each rendered file, and the data's mark."""
    mark = f"{contract.INNER_DATA[server]}/{contract.IDENTITY_FILE}"
    return [*argv[:OUTSIDE], "sh", "-c", SCRIPT, contract.INNER_CONFIG[server], mark, *argv[OUTSIDE:]]


def told(printed: str) -> tuple[str, list[str]]:
    """Return the lines on files as one text, and the others."""
    lines = cleaning.lines(printed)
    return "\n".join(line for line in lines if line.startswith(MARK)), [
        line for line in lines if not line.startswith(MARK)
    ]
