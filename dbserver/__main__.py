"""`python -m dbserver`."""

from dbserver.cli.failing import fail, unexpected

try:
    from dbserver.cli.main import main
except ModuleNotFoundError as fault:
    fail(unexpected(fault))

main()
