"""Causes put into a running stack, one by one, and taken out again: the table of test_doctor."""

import json
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dbserver import contract
from dbserver.units import MIB
from tests.support.commands import run
from tests.support.stack import Stack

Act = Callable[[Stack], object]
GONE = 2**22 - 1  # no process has the largest number


@dataclass(frozen=True)
class Injection:
    """A cause: how it is made, and how it is undone; without `undo` by the command that doctor prints.

    `also` are causes that it cannot come without; `calm` is for what doctor remembers truly, such as crashes.
    """

    cause: str
    do: Act
    undo: Act | None = None
    also: tuple[str, ...] = ()
    calm: Act | None = None
    name: str = ""


def docker(*arguments: str) -> None:
    run("docker", *arguments).ok()


def in_postgres(stack: Stack, script: str, *, check: bool = True) -> None:
    done = run("docker", "exec", "-i", stack.postgres, "bash", "-s", stdin=script)
    assert done.code == 0 or not check, done.text


def settings_file(stack: Stack, server: str) -> Path:
    name = {"postgres": "postgresql.conf", "redis": "redis.conf"}[server]
    return stack.data / "config" / server / name


def add_setting(server: str, line: str, *, restart: bool = True) -> Act:
    def act(stack: Stack) -> None:
        file = settings_file(stack, server)
        shutil.copy(file, stack.directory / "kept.conf")
        with file.open("a") as target:
            target.write(f"{line}\n")
        if restart:
            run("docker", "restart", stack.postgres if server == "postgres" else stack.redis)

    return act


def put_settings_back(server: str) -> Act:
    def act(stack: Stack) -> None:
        settings_file(stack, server).write_text((stack.directory / "kept.conf").read_text())
        restart(server)(stack)

    return act


def restart(server: str) -> Act:
    return lambda stack: docker("restart", "-t", "60", stack.postgres if server == "postgres" else stack.redis)


def sql(*statements: str, database: str = "postgres") -> Act:
    return lambda stack: [stack.sql(statement, database) for statement in statements]


def reloaded(statement: str) -> Act:
    return sql(statement, "SELECT pg_reload_conf()")


def redis(*arguments: str) -> Act:
    return lambda stack: stack.redis_admin(*arguments)


def sessions(count: int, role: str = "dbadmin", database: str = "postgres") -> Act:
    """Open connections that stay."""

    def act(stack: Stack) -> None:
        argv = ["docker", "exec", "-d", stack.postgres, "psql", "-U", role, "-d", database, "-c"]
        docker(*argv[1:4], "bash", "-c", f"for i in $(seq {count}); do {shlex.join([*argv[4:], SLEEP])} & done; wait")
        used = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(900)'"
        stack.until(lambda: int(stack.sql(used, "postgres")) == count, what="the connections")

    return act


def held(statement: str, role: str = "dbadmin", database: str = "postgres") -> Act:
    """Run a statement in a session that then stays open."""

    def act(stack: Stack) -> None:
        script = f"(echo {shlex.quote(statement)}; sleep 900) | psql -q -U {role} -d {database}"
        docker("exec", "-d", stack.postgres, "bash", "-c", script)

    return act


SLEEP = "SELECT pg_sleep(900)"
END_SESSIONS = sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                   " AND backend_type = 'client backend'")  # fmt: skip


def after(*acts: Act) -> Act:
    return lambda stack: [act(stack) for act in acts]


# The machine and the containers ----------------------------------------------


def no_network(stack: Stack) -> None:
    for name in (stack.postgres, stack.redis):
        docker("network", "disconnect", stack.network, name)
    docker("network", "rm", stack.network)


def dead_lock(stack: Stack) -> None:
    directory = stack.project / ".state" / ".pulumi" / "locks" / "organization" / "db-server" / stack.name
    directory.mkdir(parents=True, exist_ok=True)
    lock = {"pid": GONE, "username": "somebody", "hostname": socket.gethostname(), "timestamp": "2026-01-01T00:00:00Z"}
    (directory / "11111111-2222-3333-4444-555555555555.json").write_text(json.dumps(lock))


def take_port(stack: Stack) -> None:
    docker("stop", stack.redis)
    listen = f"import socket, time; s = socket.create_server(('127.0.0.1', {stack.redis_port})); time.sleep(900)"
    holder = subprocess.Popen([sys.executable, "-c", listen])
    stack.until(lambda: socket.socket().connect_ex(("127.0.0.1", stack.redis_port)) == 0, what="the port's holder")
    assert holder.poll() is None


def publish_everywhere(stack: Stack) -> None:
    image = stack.inspect(stack.redis)["Config"]["Image"]
    docker("rm", "-f", "-v", stack.redis)
    volumes = ["-v", f"{stack.data}/redis:/data", "-v", f"{stack.data}/config/redis:/usr/local/etc/redis:ro"]
    where = ["--network", stack.network, "--network-alias", "redis", "-p", f"0.0.0.0:{stack.redis_port}:6379"]
    argv = ["run", "-d", "--name", stack.redis, *where, *volumes, image, "redis-server"]
    docker(*argv, "/usr/local/etc/redis/redis.conf")


def out_of_memory(stack: Stack) -> None:
    in_postgres(stack, "tail /dev/zero", check=False)


def health(stack: Stack) -> str:
    return str(stack.inspect(stack.postgres)["State"]["Health"]["Status"])


def health_programs(stack: Stack) -> list[Path]:
    """Return pg_isready in the container's root as the host has it: inside it is read-only."""
    root = Path(stack.inspect(stack.postgres)["GraphDriver"]["Data"]["MergedDir"])
    found = root.glob("usr/**/bin/pg_isready*")
    return sorted({path.with_name("pg_isready") for path in found})


def health_check_away(stack: Stack) -> None:
    # Until it was healthy once, a container has its start period before it is called unhealthy.
    stack.until(lambda: health(stack) == "healthy", what="a healthy container")
    for file in health_programs(stack):
        file.rename(f"{file}.away")
    stack.until(lambda: health(stack) == "unhealthy", what="an unhealthy container")


def health_check_back(stack: Stack) -> None:
    for file in health_programs(stack):
        Path(f"{file}.away").rename(file)


def signalled(name: str) -> Act:
    return lambda stack: docker("kill", "--signal", name, stack.redis)


MACHINE = [
    Injection("network-missing", no_network),
    Injection("container-off-network", lambda s: docker("network", "disconnect", s.network, s.postgres)),
    Injection("container-missing", lambda s: docker("rm", "-f", "-v", s.redis)),
    Injection("container-stopped", lambda s: docker("stop", s.redis)),
    Injection("container-paused", lambda s: docker("pause", s.postgres)),
    Injection("container-restarting", add_setting("redis", "no-such-setting yes")),
    Injection("container-crashed", lambda s: s.kill(s.redis), restart("redis")),
    Injection("out-of-memory", out_of_memory, restart("postgres")),
    Injection("container-unhealthy", health_check_away, health_check_back),
    Injection("server-silent", signalled("STOP"), signalled("CONT")),
    Injection("port-taken", take_port),
    Injection("published-beyond-loopback", publish_everywhere, None, ("declared-differs",)),
    Injection("declared-differs", lambda s: docker("update", "--memory", "600m", "--memory-swap", "600m", s.postgres)),
    Injection("state-locked", dead_lock),
]

# The data ---------------------------------------------------------------------


def used(stack: Stack) -> tuple[int, int]:
    """Return how many bytes and inodes of the data's file system are used."""
    room = shutil.disk_usage(stack.data).used
    inodes = run("df", "--output=iused", str(stack.data)).ok().out.split()[1]
    return room, int(inodes)


def remount(stack: Stack, options: str) -> None:
    run("mount", "-o", f"remount,{options}", str(stack.data)).ok()


def free_bytes(amount: int) -> Act:
    """Make the file system so small that this much is free."""
    return lambda stack: remount(stack, f"size={used(stack)[0] + amount}")


def fill(stack: Stack) -> None:
    run("fallocate", "-l", "2700M", str(stack.data / "filler")).ok()
    free_bytes(280 * MIB)(stack)


def empty(stack: Stack) -> None:
    (stack.data / "filler").unlink()
    remount(stack, WHOLE)


def read_only(stack: Stack) -> None:
    for name in (stack.postgres, stack.redis):
        docker("stop", "-t", "60", name)
    remount(stack, "ro")
    docker("start", stack.postgres)


def data_away(stack: Stack) -> None:
    docker("stop", stack.redis)
    (stack.data / "redis").rename(stack.data / "away")


def data_back(stack: Stack) -> None:
    (stack.data / "away").rename(stack.data / "redis")
    docker("start", stack.redis)


def other_mark(stack: Stack) -> None:
    mark = stack.data / "redis" / contract.IDENTITY_FILE
    shutil.copy2(mark, stack.directory / "kept.mark")
    mark.write_text("another\n")


def mark_back(stack: Stack) -> None:
    (stack.data / "redis" / contract.IDENTITY_FILE).write_text((stack.directory / "kept.mark").read_text())


def other_version(version: str) -> Act:
    def act(stack: Stack) -> None:
        docker("stop", "-t", "60", stack.postgres)
        (stack.data / "postgres" / "PG_VERSION").write_text(f"{version}\n")
        docker("start", stack.postgres)

    return act


def damage(stack: Stack) -> None:
    """Overwrite a page of a table, and read it."""
    stack.sql("CREATE TABLE damaged AS SELECT generate_series(1, 1000) AS n; CHECKPOINT")
    path = stack.sql("SELECT pg_relation_filepath('damaged')")
    restart("postgres")(stack)
    stack.until(lambda: stack.psql("SELECT 1").code == 0)
    with (stack.data / "postgres" / path).open("r+b") as file:
        file.seek(4000)
        file.write(b"damaged")
    assert "invalid page" in stack.psql("SELECT count(*) FROM damaged").text


WHOLE = "size=12g,nr_inodes=100000"
DATA = [
    Injection("disk-full", free_bytes(100 * MIB), lambda s: remount(s, WHOLE)),
    Injection("disk-filling", fill, empty),
    Injection("disk-inodes", lambda s: remount(s, f"nr_inodes={used(s)[1] + 500}"), lambda s: remount(s, WHOLE)),
    Injection("data-read-only", read_only, calm=restart("postgres")),
    Injection("data-missing", data_away, data_back),
    Injection("data-other-owner", lambda s: run("chown", "-R", "4711", str(s.data / "redis")).ok()),
    Injection("data-not-the-stacks", other_mark, mark_back),
    Injection("data-other-version", other_version("15"), other_version("17")),
    Injection("checksum-failures", damage, sql("DROP TABLE damaged", "SELECT pg_stat_reset()", database="dbadmin")),
]

# PostgreSQL -------------------------------------------------------------------


def wrong_password(stack: Stack) -> None:
    in_postgres(stack, "PGPASSWORD=wrong-secret psql -h 127.0.0.1 -U shop -d shop -c 'SELECT 1'", check=False)


def administrator_from_the_network(stack: Stack) -> None:
    stack.client(f"PGPASSWORD=x psql -h {stack.postgres} -U dbadmin -d postgres -c 'SELECT 1' || true").ok()


def standby(stack: Stack) -> None:
    (stack.data / "postgres" / "standby.signal").touch()
    restart("postgres")(stack)


def chain(stack: Stack) -> None:
    stack.sql("CREATE TABLE IF NOT EXISTS wanted (n int)")
    held("BEGIN; LOCK TABLE wanted;", database="dbadmin")(stack)
    stack.until(lambda: stack.sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'") == "1")
    for _ in range(2):
        held("INSERT INTO wanted VALUES (1);", database="dbadmin")(stack)


def prepared(stack: Stack) -> None:
    stack.sql("CREATE TABLE IF NOT EXISTS wanted (n int)")
    stack.sql("BEGIN; INSERT INTO wanted VALUES (1); PREPARE TRANSACTION 'left''behind'")


def archiving_stopped(stack: Stack) -> None:
    reloaded("ALTER SYSTEM SET archive_command = 'false'")(stack)
    stack.sql("SELECT pg_switch_wal()")


def archiving_again(stack: Stack) -> None:
    reloaded("ALTER SYSTEM RESET archive_command")(stack)
    stack.sql("SELECT pg_switch_wal()")


def locks(stack: Stack) -> None:
    stack.psql("SELECT count(pg_advisory_lock(n)) FROM generate_series(1, 200000) n")


def backend_killed(stack: Stack) -> None:
    since = "SELECT now() > pg_postmaster_start_time() + interval '4s'"
    stack.until(lambda: stack.sql(since, "postgres") == "t", what="a server that has run for a while")
    stack.psql("COPY (SELECT 1) TO PROGRAM 'kill -KILL $PPID'")
    stack.until(lambda: stack.psql("SELECT 1").code == 0, what="the recovery")


POSTGRES = [
    Injection("password-wrong", wrong_password, restart("postgres")),
    Injection("login-rejected", administrator_from_the_network, restart("postgres")),
    Injection("database-unknown", lambda s: s.psql("SELECT 1", "nowhere"), restart("postgres")),
    Injection("database-forbidden",
              lambda s: in_postgres(s, "psql -U shop -d postgres -c ''", check=False), restart("postgres")),
    Injection("application-missing", sql("ALTER DATABASE shop RENAME TO away"),
              sql("ALTER DATABASE away RENAME TO shop")),
    Injection("application-missing", sql("ALTER ROLE shop NOLOGIN"), name="role-that-may-not-log-in"),
    Injection("database-closed", sql("ALTER DATABASE shop ALLOW_CONNECTIONS false")),
    Injection("password-expired", sql("ALTER ROLE shop VALID UNTIL '2001-01-01'")),
    Injection("read-only-by-setting", reloaded("ALTER SYSTEM SET default_transaction_read_only = on")),
    Injection("standby", standby),
    Injection("postgres-starting", after(sql("ALTER SYSTEM SET hot_standby = off"), standby),
              after(lambda s: (s.data / "postgres" / "standby.signal").unlink(), restart("postgres"),
                    lambda s: s.until(lambda: s.psql("SELECT 1").code == 0),
                    sql("ALTER SYSTEM RESET hot_standby"), restart("postgres"))),
    Injection("connections-exhausted", sessions(22), END_SESSIONS),
    Injection("connections-nearly-exhausted", sessions(20), END_SESSIONS),
    Injection("application-at-its-limit", sessions(4, "shop", "shop"), END_SESSIONS),
    Injection("idle-in-transaction", held("BEGIN; SELECT 1;")),
    Injection("lock-chain", chain),
    Injection("locks-exhausted", locks, restart("postgres")),
    Injection("postgres-crashed", backend_killed, restart("postgres")),
    Injection("prepared-transaction", prepared),
    Injection("settings-overridden", reloaded("ALTER SYSTEM SET work_mem = '5MB'")),
    Injection("settings-pending", reloaded("ALTER SYSTEM SET max_files_per_process = 500")),
    Injection("settings-faulty", add_setting("postgres", "work_mem = 'much'", restart=False)),
    Injection("settings-refused", add_setting("postgres", "no_such_setting = 1"), put_settings_back("postgres")),
    Injection("huge-pages", add_setting("postgres", "huge_pages = on"), put_settings_back("postgres")),
    Injection("collation-version", sql("UPDATE pg_database SET datcollversion = '0.9' WHERE datname = 'shop'")),
    Injection("collation-version-of-columns",
              sql('CREATE TABLE ordered (t text COLLATE "en-x-icu"); CREATE INDEX "By t" ON ordered (t)',
                  "UPDATE pg_collation SET collversion = '0.9' WHERE collname = 'en-x-icu'", database="shop"),
              calm=sql("DROP TABLE ordered", database="shop")),
    Injection("library-not-loaded", sql("CREATE EXTENSION pg_stat_statements", database="shop"),
              calm=sql("DROP EXTENSION pg_stat_statements", database="shop")),
    Injection("extension-older", sql("CREATE EXTENSION pg_trgm VERSION '1.5'", database="shop"),
              calm=sql("DROP EXTENSION pg_trgm", database="shop")),
    Injection("archiving-fails", archiving_stopped, archiving_again, ("settings-overridden",)),
]  # fmt: skip

# Redis ------------------------------------------------------------------------


def loading(stack: Stack) -> None:
    stack.redis_admin("EVAL", "for i = 1, 50000 do redis.call('SET', 'many:' .. i, i) end", "0")
    stack.redis_admin("BGREWRITEAOF")
    # While a snapshot is being saved the rewrite only waits for its turn.
    ended = {"aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"}
    stack.until(lambda: ended <= set(stack.redis_admin("INFO", "persistence").split()), what="the rewrite")
    add_setting("redis", "key-load-delay 5000\nloading-process-events-interval-bytes 1024")(stack)


def loaded(stack: Stack) -> None:
    docker("kill", stack.redis)
    put_settings_back("redis")(stack)
    ping = ("docker", "exec", stack.redis, "redis-cli", "ping")
    stack.until(lambda: run(*ping).out.strip() == "PONG", what="the data")
    stack.redis_admin("FLUSHALL")


def busy(stack: Stack) -> None:
    stack.redis_admin("CONFIG", "SET", "busy-reply-threshold", "100")
    script = (
        'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) redis-cli --user dbadmin EVAL "while true do end" 0'
    )
    docker("exec", "-d", stack.redis, "sh", "-c", script)


def unsaved(stack: Stack) -> None:
    (stack.data / "redis").chmod(0o500)
    run("docker", "exec", stack.redis, "true").ok()
    stack.redis_admin("BGSAVE")


def as_user(user: str, *command: str) -> Act:
    def act(stack: Stack) -> None:
        password = "wrong-secret" if command == ("PING",) else stack.variables("shop")["REDIS_URL"].split(":")[2]
        script = f"REDISCLI_AUTH={password.partition('@')[0]} redis-cli --user {user} {' '.join(command)}"
        run("docker", "exec", "-i", stack.redis, "sh", "-s", stdin=script)

    return act


def full_of_clients(stack: Stack) -> None:
    stack.redis_admin("CONFIG", "SET", "maxclients", "5")
    script = f"for i in 1 2 3 4; do ({ADMINISTRATOR} BLPOP nothing 900) & done; wait"
    docker("exec", "-d", stack.redis, "sh", "-c", script)


ADMINISTRATOR = "REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) redis-cli --user dbadmin"
FORGET = redis("ACL", "LOG", "RESET")
REDIS = [
    Injection("redis-loading", loading, loaded),
    Injection("redis-busy", busy),
    Injection("redis-ping-denied", redis("CONFIG", "SET", "requirepass", "by-hand")),
    Injection("redis-administrator-denied", redis("ACL", "SETUSER", "dbadmin", "resetpass", ">by-hand"),
              restart("redis")),
    Injection("redis-password-wrong", as_user("shop", "PING"), FORGET),
    Injection("redis-password-missing",
              lambda s: run("docker", "exec", s.redis, "redis-cli", "GET", "anything"), FORGET),
    Injection("redis-key-refused", as_user("shop", "GET", "another:key"), FORGET),
    Injection("redis-channel-refused", as_user("shop", "PSUBSCRIBE", "shop:news.*"), FORGET),
    Injection("redis-scan-refused", as_user("shop", "SCAN", "0"), calm=FORGET),
    Injection("redis-command-refused", as_user("shop", "KEYS", "shop:*")),
    Injection("redis-full", redis("CONFIG", "SET", "maxmemory", "800kb"), redis("CONFIG", "SET", "maxmemory", "64mb"),
              ("redis-settings-differ",)),
    Injection("redis-persistence-fails", unsaved,
              after(lambda s: (s.data / "redis").chmod(0o755), redis("BGSAVE"))),
    Injection("redis-clients", full_of_clients,
              after(redis("CONFIG", "SET", "maxclients", "10000"), redis("CLIENT", "KILL", "TYPE", "normal"))),
    Injection("redis-replica", redis("REPLICAOF", "127.0.0.1", "1")),
    Injection("redis-settings-differ", redis("CONFIG", "SET", "appendfsync", "always")),
]  # fmt: skip

INJECTIONS = [*MACHINE, *DATA, *POSTGRES, *REDIS]
