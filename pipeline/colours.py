"""Prints a line `APP COLOUR` for each application in what `list` or `connections --format json` says."""

import json
import sys
from typing import Any


def lines(said: dict[str, Any]) -> list[str]:
    """Return each application with the colours that are connected, `none` where no coloured container is."""
    clients = said.get("clients", [])
    colours = {
        each["name"]: sorted({c["colour"] for c in clients if c["application"] == each["name"] and c["colour"]})
        for each in said["applications"]
    }
    return [f"{name} {'+'.join(found) or 'none'}" for name, found in sorted(colours.items())]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in lines(json.load(sys.stdin))))
