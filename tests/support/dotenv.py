"""Values that the readers of a dotenv file agree on, and such that at least one of them takes for something else."""

from collections.abc import Sequence

READABLE = [
    "", "plain-Text_1.2", "postgresql://shop:p%40ss@db-server-postgres:5432/shop?sslmode=require", "=", "a=b==",
    "!x!!1", "*", "a*b?[c]", "{a,b}", "}{", "^a^", "a:b:", "%25%s", "+,-./@_", "export", "x]y[", "-",
]  # fmt: skip
HOSTILE = [
    " ", "a b", "a ", " a", "a #b", "#x", "a#b", "it's", "'x'", 'say "x"', '"x"', "$HOME", "a${HOME}b", "${X:-y}", "$$",
    "$(reboot)", "`reboot`", "a\\", "\\'", "'\"", "'$x`\"\\'", "a;b", "a&b", "a|b", "a<b", "a>b", "(a)", "~",
    "~root", "a:~",
]  # fmt: skip


def named(values: Sequence[str]) -> dict[str, str]:
    """Return values under names of their own."""
    return {f"VALUE_{number}": value for number, value in enumerate(values)}
