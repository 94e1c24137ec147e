"""Prints the installed packages as `pip list -v --format json` does."""

import json
import sys
from importlib.metadata import distributions

found = [(each.metadata, str(each.locate_file(""))) for each in distributions()]
packages = [
    {"name": metadata["Name"], "version": metadata["Version"], "location": location} for metadata, location in found
]
sys.stdout.write(json.dumps(packages))
