"""What the archived log tells, as text for people. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from dbserver.results.history import ChangedRows, History, Transaction

LINES = 60
STEPS = (60, 300, 900, 3600, 6 * 3600, 86400)
BAR = 40
BLIND = "not in the log: statements, who, values, reads, unlogged tables, names of what is gone"


def history(found: History) -> str:
    """Return the transactions that stand out, and the commits over time."""
    lines = [f"{found.since} to {found.until}, read to {found.read_until or 'no commit'}"]
    lines += [f"{found.left_out} transactions before are left out: take less time, or more --rows"] * (
        found.left_out > 0
    )
    for each in found.transactions:
        lines += _transaction(each, told=each.database != found.databases[0])
    lines += [f"no transaction of {found.rows} rows, and none that changed the schema"] * (not found.transactions)
    lines += [f"{found.temporary} transactions made or dropped temporary tables, and nothing else"] * bool(
        found.temporary
    )
    return "\n".join([*lines, *_commits(found), BLIND])


def _transaction(done: Transaction, *, told: bool) -> Iterator[str]:
    yield f"{done.committed}  transaction {done.id}" + (f"  in {done.database}" if told else "")
    yield from (f"    {_rows(each)}" for each in done.tables)
    yield from (f"    emptied (TRUNCATE) {table}" for table in done.truncated)
    yield from (f"    rewrote {table}" for table in done.rewritten)
    for what, files in (("dropped", done.dropped_files), ("emptied or rebuilt", done.emptied_files)):
        if files:
            yield f"    {what} what is gone by now: file {', '.join(map(str, files))}"
    if done.schema:
        of = f" of {', '.join(done.relations)}" if done.relations else ""
        yield f"    changed the schema{of} ({', '.join(done.schema)})"


def _rows(rows: ChangedRows) -> str:
    counts = {"deleted": rows.deleted, "updated": rows.updated, "inserted": rows.inserted}
    return f"{rows.table}: " + ", ".join(f"{what} {count}" for what, count in counts.items() if count)


def _commits(found: History) -> Iterator[str]:
    """Yield the commits over time, in steps that fit on a screen."""
    minutes = Counter({datetime.fromisoformat(each.at): each.commits for each in found.minutes})
    if not minutes:
        yield "no commit that wrote"
        return
    length = (max(minutes) - min(minutes)).total_seconds()
    step = next((each for each in STEPS if length / each < LINES), STEPS[-1])
    steps: Counter[int] = Counter()
    for at, count in minutes.items():
        steps[int(at.timestamp()) // step * step] += count
    yield f"commits that wrote, in {step // 60} min from"
    most = max(steps.values())
    for begin in range(min(steps), max(steps) + 1, step):
        bar = "#" * -(-steps[begin] * BAR // most)
        yield f"    {datetime.fromtimestamp(begin, UTC):%Y-%m-%d %H:%MZ} {steps[begin]:>8} {bar}".rstrip()
