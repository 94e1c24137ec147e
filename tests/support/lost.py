"""A machine that is lost, and how it comes back."""

import shutil
from pathlib import Path

from tests.support.stack import Stack


def lose(stack: Stack) -> None:
    """Lose everything of a stack that is on this machine; the checkout is as it came."""
    stack.remove_containers()
    shutil.rmtree(stack.data)
    for name in (".state", "backups"):
        shutil.rmtree(stack.project / name)
    (stack.project / ".state").mkdir()
    (stack.project / f"Pulumi.{stack.name}.yaml").unlink()
    (stack.project / "docker-compose.yml").unlink(missing_ok=True)


def rescuing(stack: Stack, there: Path, key: Path) -> list[str]:
    """Return the command that brings it back from a directory."""
    script = str(stack.project / "scripts" / "rescue.sh")
    return [script, "--from", f"file://{there}", "--identity", str(key), "--stack", stack.name, "--format", "json"]
