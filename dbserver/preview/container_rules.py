"""Rules on the containers, the network, and what no other rule knows."""

from collections.abc import Iterator, Mapping
from typing import Any

from dbserver import contract
from dbserver.plan import LOOPBACK
from dbserver.preview.rule import (
    CERTIFICATE,
    CONTAINER,
    NETWORK,
    NOTHING,
    PASSWORD,
    RECREATE,
    RELOAD,
    RISK,
    Facts,
    Rule,
    Seen,
    always,
)
from dbserver.preview.steps import CREATE, DELETE, REPLACE, UPDATE, Step

PROVIDERS = ("pulumi:pulumi:Stack", "pulumi:providers:docker", "pulumi:providers:pulumi-python")
HOLDS_NO_DATA = (contract.INNER_BACKUPS, contract.INNER_SOCKET, *contract.INNER_CONFIG.values())
DIGEST_LENGTH = len("sha256:") + 12


def mounts(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return path in the container -> what is mounted there, of what may hold data."""
    found = {
        str(each.get("target")): f"{each.get('type', 'bind')} {each.get('source', '')}"
        for each in inputs.get("mounts") or ()
    }
    for each in inputs.get("volumes") or ():
        source = each.get("hostPath") or each.get("volumeName") or ""
        found[str(each.get("containerPath"))] = f"{'bind' if each.get('hostPath') else 'volume'} {source}"
    return {target: source for target, source in found.items() if target not in HOLDS_NO_DATA}


def labels(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels by name."""
    return {str(each.get("label")): str(each.get("value")) for each in inputs.get("labels") or ()}


def _directory(step: Step, facts: Facts) -> Iterator[Seen]:
    before, after = mounts(step.old) or _found(step, facts), mounts(step.new)
    moved = [
        f"{path}: {before[path]} -> {after[path]}" for path in before if after.get(path, before[path]) != before[path]
    ]
    if step.new and moved:
        yield Seen("it starts on another directory; the data stays behind in the old one", moved)


def _found(step: Step, facts: Facts) -> dict[str, str]:
    """Return the mounts of a container that is there and not in the state."""
    known = (facts.live.containers or {}).get(str(step.new.get("name")), {})
    return {target: f"bind {source}" for target, source in known.items() if target not in HOLDS_NO_DATA}


def _mount(step: Step, _: Facts) -> Iterator[Seen]:
    if not step.old or not step.new:
        return
    after = mounts(step.new)
    paths = [f"{path} is mounted no more: {source}" for path, source in mounts(step.old).items() if path not in after]
    before, now = _variable(step.old, "PGDATA"), _variable(step.new, "PGDATA")
    paths += [f"PGDATA: {before} -> {now}"] if before != now else []
    if paths:
        yield Seen("the data is not where the server looks for it", paths)


def _variable(inputs: Mapping[str, Any], name: str) -> str:
    found = [str(each).partition("=")[2] for each in inputs.get("envs") or () if str(each).startswith(f"{name}=")]
    return found[0] if found else "none"


def _name(step: Step, _: Facts) -> Iterator[Seen]:
    before, after = step.old.get("name"), step.new.get("name")
    if step.old and step.new and before != after:
        what = "applications and deployment scripts find the server by its container's name"
        yield Seen(what, [f"{before} -> {after}"])


def _major(step: Step, _: Facts) -> Iterator[Seen]:
    before, after = (labels(each).get(contract.LABEL_VERSION) for each in (step.old, step.new))
    if before and step.new and before != after:
        yield Seen(
            f"{step.name} {before} -> {after or 'unknown'}: it does not read the other's data, or never gives it back"
        )


def _deleted(step: Step, facts: Facts) -> Iterator[Seen]:
    if step.kind == DELETE and facts.production:
        yield Seen(
            "the server goes, for every application; its data stays on the host", [str(step.old.get("name", ""))]
        )


def _deleted_in_dev(step: Step, facts: Facts) -> Iterator[Seen]:
    if step.kind == DELETE and not facts.production:
        yield Seen("the server goes; its data stays on the host", [str(step.old.get("name", ""))])


def _recreated(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == REPLACE:
        yield Seen("stopped gracefully, removed, created on the same data", list(_reasons(step)))


def _reasons(step: Step) -> Iterator[str]:
    for name in step.changed:
        before, after = step.old.get(name), step.new.get(name)
        if name == "labels":
            yield from _labels(step)
        elif isinstance(before, str | int | None) and isinstance(after, str | int | None):
            yield f"{name}: {before} -> {after}"
        elif name == "ports":
            yield f"ports: {_ports(before)} -> {_ports(after)}"
        elif name == "networksAdvanced":
            yield f"network: {_networks(before)} -> {_networks(after)}; who is on the old one does not find it"
        else:
            yield name


def _labels(step: Step) -> Iterator[str]:
    before, after = labels(step.old), labels(step.new)
    for name in sorted({*before, *after}):
        if before.get(name) == after.get(name):
            continue
        if name == contract.LABEL_IMAGE:
            same = (
                f"another image under the same tag {step.new.get('image')}"
                if step.old.get("image") == step.new.get("image")
                else "image"
            )
            yield f"{same}: {_digest(before.get(name))} -> {_digest(after.get(name))}"
        else:
            yield f"label {name}: {before.get(name)} -> {after.get(name)}"


def _digest(identity: str | None) -> str:
    return (identity or "none")[:DIGEST_LENGTH]


def _ports(found: Any) -> str:
    return ", ".join(f"{each.get('ip', '')}:{each.get('external', '')}" for each in found or ())


def _networks(found: Any) -> str:
    return ", ".join(str(each.get("name", "")) for each in found or ())


def _published(step: Step, _: Facts) -> Iterator[Seen]:
    before, after = (_outside(each) for each in (step.old, step.new))
    if after - before:
        yield Seen("who reaches this address and has a password connects from outside the host", sorted(after - before))


def _outside(inputs: Mapping[str, Any]) -> set[str]:
    return {_ports([each]) for each in inputs.get("ports") or () if each.get("ip") != LOOPBACK}


def _certificate(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == UPDATE:
        yield Seen("the servers' certificate is renewed; who trusts its authority trusts the new one")
    if step.kind == REPLACE:
        yield Seen("another authority: no client trusts it before it has got the new authority's certificate")


def _certificate_made(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == CREATE:
        yield Seen("an authority and the servers' certificate are made", step.new.get("names") or ())
    if step.kind == DELETE:
        yield Seen("the authority goes: clients that trust it find no server of it any more")


def _taken_over(step: Step, facts: Facts) -> Iterator[Seen]:
    if step.kind == CREATE and step.new.get("name") in (facts.live.containers or ()):
        yield Seen(
            f"{step.new.get('name')} is there and not in the state: stopped gracefully, created on the declared data"
        )


def _created(step: Step, facts: Facts) -> Iterator[Seen]:
    if step.kind == CREATE and step.new.get("name") not in (facts.live.containers or ()):
        yield Seen("a container is made", [str(step.new.get("name", ""))])


def _in_place(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == UPDATE:
        yield Seen("the container changes in place", list(_reasons(step)))


def _network_deleted(step: Step, facts: Facts) -> Iterator[Seen]:
    if step.kind in (DELETE, REPLACE) and facts.production:
        before, after = step.old.get("name", ""), step.new.get("name")
        yield Seen(
            "the stack gives up the network on which applications find the servers", [f"{before} -> {after or 'none'}"]
        )


def _network(step: Step, facts: Facts) -> Iterator[Seen]:
    if step.kind in (CREATE, UPDATE) or (step.kind in (DELETE, REPLACE) and not facts.production):
        yield Seen("the network is made where it is missing, and never deleted", [str(step.new.get("name", ""))])


def _password(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind in (REPLACE, DELETE, UPDATE):
        yield Seen("the administrator gets another password")


CONTAINER_RULES = (
    Rule("data-directory", RISK, (CONTAINER,),
         "Another directory of the host, or another volume, where the server keeps its data (`dataDirectory`). Nothing"
         " is copied: the server starts empty, or on what is there.", _directory),
    Rule("data-mount", RISK, (CONTAINER,),
         "The data is mounted at another path in the container, or not at all, or `PGDATA` names another directory: the"
         " server writes into the container, and its data goes with that.", _mount),
    Rule("container-name", RISK, (CONTAINER,),
         "Another `containerName`. Applications connect to that name, and deployment scripts look for it; the old"
         " container, left running, would hold the data: while it is there, the program refuses the change, allowed"
         " or not.", _name),
    Rule("major-version", RISK, (CONTAINER,),
         "An image of another major version. PostgreSQL does not start on another's data; a newer Redis rewrites its"
         " files, and the older one does not read them any more.", _major),
    Rule("container-deleted", RISK, (CONTAINER,),
         "A server's container is deleted, in any stack but `dev`.", _deleted),
    Rule("container-deleted-in-dev", RECREATE, (CONTAINER,),
         "A server's container is deleted in the stack `dev`.", _deleted_in_dev),
    Rule("container-recreated", RECREATE, (CONTAINER,),
         "The container is replaced: another image, also under the same tag, port, network, health check, label, or"
         " whatever else the provider cannot change in place.", _recreated),
    Rule("container-taken-over", RECREATE, (CONTAINER,),
         "A container of that name is there, and the state does not know it.", _taken_over),
    Rule("container-created", NOTHING, (CONTAINER,), "There is no such container yet.", _created),
    Rule("container-in-place", NOTHING, (CONTAINER,),
         "The memory limit and the restart policy change while the server runs.", _in_place),
    Rule("network-deleted", RISK, (NETWORK,),
         "The network is declared no more, or under another name, in any stack but `dev`. The network itself stays;"
         " the servers leave it.", _network_deleted),
    Rule("network-kept", NOTHING, (NETWORK,),
         "The network is made where it is missing. In the stack `dev` also: it is declared no more.", _network),
    Rule("password-renewed", RELOAD, (PASSWORD,),
         "The administrator's generated password is replaced, or given by now.", _password),
    Rule("password-made", NOTHING, (PASSWORD,), "A password is generated for the administrator, where none is given.",
         always("a password is generated", CREATE)),
    Rule("published-outside", NOTHING, (CONTAINER,),
         "The server is published on an address besides 127.0.0.1 (`tls.address`), for connections with TLS.",
         _published),
    Rule("certificate-renewed", RELOAD, (CERTIFICATE,),
         "The servers' certificate is renewed: less than a third of its life is left, or its names have changed."
         " `pulumi up --replace` of it makes another authority, which clients have to get.", _certificate),
    Rule("certificate-made", NOTHING, (CERTIFICATE,),
         "The stack's authority and the servers' certificate are made, or given up.", _certificate_made),
    Rule("bookkeeping", NOTHING, (*PROVIDERS,), "The engine's own: the stack, its outputs, its providers.",
         always("the engine's own", CREATE, UPDATE, REPLACE, DELETE)),
)  # fmt: skip
UNKNOWN_RULES = (
    Rule("unknown", RISK, (),
         "A resource that this table does not know is changed or deleted. It may be anything.",
         always("a resource that no rule knows", UPDATE, REPLACE, DELETE)),
    Rule("unknown-created", NOTHING, (), "A resource that this table does not know is made.",
         always("a resource that no rule knows is made", CREATE)),
)  # fmt: skip
