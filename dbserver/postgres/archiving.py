"""SQL about what the archive has of the server's log. Pure."""

from dbserver.postgres.sql import literal

# Bytes that the archive lacks; whether the server still keeps them, and how many more it will keep.
STREAMED = (
    "SELECT coalesce((SELECT json_build_object('kept', coalesce(s.wal_status, 'lost'), 'room', s.safe_wal_size,"
    " 'streaming', s.active, 'lacking', greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(),"
    " coalesce(r.write_lsn, s.restart_lsn, '0/0'))), 'now', extract(epoch FROM clock_timestamp()))"
    " FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid"
    " WHERE s.slot_name = {slot}), '{{}}');\n"
)

# Ends a segment early, where anything is in it: only whole ones are copied elsewhere. Prints where it ends.
SWITCH = "SELECT pg_switch_wal();\n"

# A transaction that everybody's recovery can stop at, and where the log ends after it.
MARK = "SELECT pg_logical_emit_message(true, 'db-server', 'moment');\nSELECT pg_current_wal_lsn();\n"


def streamed(slot: str) -> str:
    """Return the query for what a slot's receiver has; it prints a JSON object, empty without the slot."""
    return STREAMED.format(slot=literal(slot).strip())


def received(slot: str, location: str) -> str:
    """Return the query for whether a slot's receiver has all of the log up to a location."""
    return (
        f"SELECT EXISTS (SELECT FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid"
        f" WHERE s.slot_name = {literal(slot)} AND r.write_lsn >= {literal(location)});\n"
    )


def drop_unused(slot: str) -> str:
    """Return the statement that gives up a slot that nobody streams from: the server keeps no log for it then."""
    return (
        f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
        f" WHERE slot_name = {literal(slot)} AND NOT active;\n"
    )
