"""`python -m dbserver`."""

from dbserver.cli.main import main

main()
