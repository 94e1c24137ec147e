"""Causes inside Redis: who is let in, memory, persistence, what it is busy with. Pure."""

from collections.abc import Callable, Iterator

from dbserver import cleaning, contract
from dbserver.diagnosis.cause import FAULT, REDIS_CLI, REDIS_FAILED, SET, START, WARNING, Cause, Find, Seen, of
from dbserver.diagnosis.facts import Denied, Facts, Redis, Server
from dbserver.redis.limits import SHARE
from dbserver.redis.settings import persistence_of
from dbserver.units import MIB, duration, size

# Above that the next peak is refused.
FULL_SHARE = 0.9
CLIENTS_SHARE = 0.9
# As far back as the servers' logs are read.
DENIED_SECONDS = 600
# So many names of what was refused stand in the sentence; the evidence has them too.
SUBJECTS = 3
REFUSED_LOGIN = ("NOAUTH", "WRONGPASS", "NOPERM")
WRITES = {
    "rdb_last_bgsave_status": "the last snapshot (BGSAVE)",
    "aof_last_write_status": "the last write to the append-only file",
    "aof_last_bgrewrite_status": "the last rewrite of the append-only file",
}

Inside = Callable[[Facts, Redis], Iterator[Seen]]


def inside(check: Inside) -> Find:
    """Return a finder that looks at a Redis that answered."""

    def look(facts: Facts, server: Server) -> Iterator[Seen]:
        if server.redis:
            yield from check(facts, server.redis)

    return of(look, contract.REDIS)


def _loading(_: Facts, found: Redis) -> Iterator[Seen]:
    if found.info.get("loading") == "1":
        done, left = found.info.get("loading_loaded_perc", "?"), found.number("loading_eta_seconds")
        yield Seen(f"Redis is loading its data: {done} % are read, about {duration(left)} are left")


def _without_password(_: Facts, found: Redis) -> Iterator[Seen]:
    if found.ping.startswith(REFUSED_LOGIN):
        what = "who comes without a password is refused even PING: health checks and deployment scripts see"
        yield Seen(f"{what} {found.ping.split()[0]}", [found.ping])


def _administrator(_: Facts, server: Server) -> Iterator[Seen]:
    lines = [line for line in cleaning.lines(server.refusal) if any(word in line for word in REFUSED_LOGIN)]
    if lines:
        yield Seen("Redis does not know its administrator's password", lines)


def _busy(_: Facts, server: Server) -> Iterator[Seen]:
    if "BUSY" in server.refusal:
        yield Seen("a script keeps Redis from answering anybody", [cleaning.lines(server.refusal)[0]])


def _denied(entry: Denied) -> str:
    what = f"{entry.reason} {entry.subject} from {entry.address}"
    return f"{entry.user}: {what}, {entry.count} times, {duration(entry.seconds)} ago"


def _wrong_password(facts: Facts, found: Redis) -> Iterator[Seen]:
    entries = [each for each in found.denied if each.reason == "auth" and each.seconds < DENIED_SECONDS]
    for user in dict.fromkeys(each.user for each in entries):
        lines = [_denied(each) for each in entries if each.user == user]
        instead = "" if user in facts.declared.applications else CONNECTED
        yield Seen(
            f"clients come with a wrong password or an unknown user: {user}",
            lines,
            {"application": user},
            instead=instead,
        )


def _no_password(_: Facts, found: Redis) -> Iterator[Seen]:
    lines = [_denied(each) for each in _commands(found) if each.user == "default"]
    if lines:
        yield Seen("clients come without a password and are refused (NOPERM)", lines, instead=CONNECTED)


def _forbidden(said: str, is_meant: Callable[[Denied], bool]) -> Find:
    """Return a finder of what each application is refused; `said` comes before the names of that."""

    def look(facts: Facts, found: Redis) -> Iterator[Seen]:
        entries, known = [each for each in _commands(found) if is_meant(each)], list(facts.declared.applications)
        for user in dict.fromkeys(each.user for each in entries if each.user != "default"):
            own = [each for each in entries if each.user == user]
            subjects = ", ".join(dict.fromkeys(each.subject for each in own[:SUBJECTS]))
            values = {"application": user, "index": known.index(user) if user in known else ""}
            instead = "" if user in known else CONNECTED
            lines = [_denied(each) for each in own]
            yield Seen(f"{user} is refused {said}: {subjects}", lines, values, instead=instead)

    return inside(look)


def _commands(found: Redis) -> list[Denied]:
    return [each for each in found.denied if each.reason != "auth" and each.seconds < DENIED_SECONDS]


def _full(_: Facts, found: Redis) -> Iterator[Seen]:
    limit, used = int(found.settings.get("maxmemory") or 0), found.number("used_memory")
    if limit and used >= limit * FULL_SHARE and found.settings.get("maxmemory-policy") == "noeviction":
        part, of = SHARE[persistence_of({"appendonly": "", "save": "", **found.settings})]
        more = f"{max(2 * limit * of // part // MIB, 128)}m"
        what = f"Redis uses {size(used)} of {size(limit)} and may remove nothing (noeviction): writes are refused"
        yield Seen(what, [f"{found.number('evicted_keys')} keys were evicted so far"], {"more": more})


def _persistence(_: Facts, server: Server) -> Iterator[Seen]:
    if server.redis:
        failed = [what for name, what in WRITES.items() if server.redis.info.get(name, "ok") != "ok"]
        lines = [line for line in server.log if " # " in line]
        if failed:
            yield Seen(f"{' and '.join(failed)} failed: Redis refuses writes or loses them", lines[-3:])


def _clients(_: Facts, server: Server) -> Iterator[Seen]:
    if "max number of clients reached" in server.refusal:
        yield Seen("Redis takes no more clients", [server.refusal])
    elif server.redis:
        used, limit = server.redis.number("connected_clients"), int(server.redis.settings.get("maxclients") or 0)
        if limit and used >= limit * CLIENTS_SHARE:
            yield Seen(f"{used} of {limit} clients are connected to Redis")


def _replica(_: Facts, found: Redis) -> Iterator[Seen]:
    if found.info.get("role") == "slave":
        master = f"{found.info.get('master_host')}:{found.info.get('master_port')}"
        yield Seen(f"Redis is a replica of {master}: it takes no writes, and its data becomes that one's")


def _settings(_: Facts, found: Redis) -> Iterator[Seen]:
    differing = [
        f"{name}: {found.settings[name] or 'empty'}, in its file {wanted or 'empty'}"
        for name, wanted in found.in_file.items()
        if name in found.settings and found.settings[name] != wanted
    ]
    if differing:
        yield Seen("Redis runs with other settings than those declared", differing)


LIBRARIES = "redis-libraries.md"
PREFIXES = "./scripts/dbserver info {application} --stack {stack} --field redis_prefixes"
# Which containers' clients there are, where nobody knows whose they are.
CONNECTED = "./scripts/dbserver connections --stack {stack}"
ENV = "./scripts/dbserver env {application} --stack {stack}"

CAUSES = (
    Cause("redis-loading", REDIS_FAILED, "redis", FAULT,
          "Redis reads its data after a start and answers `LOADING` until it has.",
          "docker logs --tail 20 --follow {container}", inside(_loading), ("container-unhealthy", "server-silent")),
    Cause("redis-busy", REDIS_FAILED, "redis", FAULT,
          "A script runs on and on; Redis does one thing at a time and answers `BUSY`.",
          f"{REDIS_CLI} SCRIPT KILL", of(_busy, "redis"),
          ("container-unhealthy", "server-silent", "redis-administrator-denied")),
    Cause("redis-ping-denied", REDIS_FAILED, "redis", FAULT,
          "Somebody set a password by hand (`NOAUTH`): health checks fail, and applications without it.",
          START, inside(_without_password), ("container-unhealthy",)),
    Cause("redis-administrator-denied", REDIS_FAILED, "redis", FAULT,
          "The administrator's local password is not the one in force: the users were changed by hand. A restart reads"
          " their file again.",
          f"docker restart --time 60 {{container}} && {START}", of(_administrator, "redis"),
          ("server-silent", "container-unhealthy")),
    Cause("redis-password-wrong", REDIS_FAILED, "redis", FAULT,
          "Clients come with a wrong password or an unknown user (`WRONGPASS`). Give the application the environment"
          " that `env` prints.",
          ENV, inside(_wrong_password)),
    Cause("redis-password-missing", REDIS_FAILED, "redis", FAULT,
          "Clients come without a password, where each application has one (`NOPERM`, `NOAUTH`).",
          ENV, inside(_no_password)),
    Cause("redis-key-refused", REDIS_FAILED, "redis", WARNING,
          "An application uses keys that begin with none of its prefixes (`NOPERM`). Let it begin them with"
          " `REDIS_PREFIX`, or declare what they begin with, in a list of its"
          f" [`redisPrefix`]({LIBRARIES}). No setting allows keys of another application.",
          PREFIXES,
          _forbidden("keys that begin with nothing in its redisPrefix", lambda entry: entry.reason == "key")),
    Cause("redis-channel-refused", REDIS_FAILED, "redis", WARNING,
          "An application uses channels that begin with none of its prefixes, or subscribes to a pattern that stands"
          f" there in other letters (`NOPERM`). Declare the very pattern in its [`redisChannels`]({LIBRARIES}).",
          PREFIXES,
          _forbidden("channels that are not in its redisChannels", lambda entry: entry.reason == "channel")),
    Cause("redis-scan-refused", REDIS_FAILED, "redis", WARNING,
          "An application walks over all keys (`SCAN`), which tells it"
          " [the names of everybody's](../reference/isolation.md#what-redisscan-gives-away). A set of its own keys does"
          " without; the command allows it all the same.",
          f"{SET} 'db-server:applications[{{index}}].redisScan' true && {START}",
          _forbidden("a command that redisScan allows",
                     lambda entry: entry.reason == "command" and entry.subject == "scan")),
    Cause("redis-command-refused", REDIS_FAILED, "redis", WARNING,
          "An application uses commands that tell of others or act on all (`NOPERM`): no setting allows"
          " [them](../reference/isolation.md#redis). Change the application; the command forgets what was refused.",
          f"{REDIS_CLI} ACL LOG RESET",
          _forbidden("commands that no setting allows",
                     lambda entry: entry.reason == "command" and entry.subject != "scan")),
    Cause("redis-full", REDIS_FAILED, "redis", FAULT,
          "Redis reached `maxmemory` and may evict nothing: writes fail with `OOM command not allowed`. Give it more"
          " memory, or an `evictionPolicy`.",
          f"{SET} 'db-server:redis.memory' {{more}} && {START}", inside(_full)),
    Cause("redis-persistence-fails", REDIS_FAILED, "redis", FAULT,
          "Redis cannot write its data (`MISCONF`): no space, no permission, or no fork. Mend what its log says; the"
          " command tries again.",
          f"docker exec {{container}} chown -R redis {contract.INNER_DATA[contract.REDIS]} && {REDIS_CLI} BGSAVE",
          of(_persistence, "redis")),
    Cause("redis-clients", REDIS_FAILED, "redis", FAULT,
          "Redis has as many clients as it takes: new ones are refused (`max number of clients reached`).",
          f"{REDIS_CLI} CONFIG SET maxclients 10000", of(_clients, "redis"),
          ("server-silent", "container-unhealthy")),
    Cause("redis-replica", REDIS_FAILED, "redis", FAULT,
          "Somebody made Redis a replica of another server: it refuses writes (`READONLY`).",
          f"{REDIS_CLI} REPLICAOF NO ONE", inside(_replica)),
    Cause("redis-settings-differ", "", "redis", WARNING,
          "Settings were changed in the running Redis. The next update undoes that.",
          START, inside(_settings)),
)  # fmt: skip
