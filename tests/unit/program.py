"""The whole program run under Pulumi's mocks: what it registers, with which options, and what it exports."""

import asyncio
import contextvars
import functools
import json
import runpy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # it has no types
from pulumi.runtime import mocks
from pulumi.runtime.settings import SETTINGS, configure, set_root_resource
from pulumi.runtime.stack import run_in_stack

from dbserver.docker.images import Image
from dbserver.settings.model import Settings
from infra import identity, preflight, standing
from infra.plans import archive_plan, container_plan

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = {server: f"sha256:{digit * 64}" for server, digit in (("postgres", "a"), ("redis", "b"))}
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
GENERATED = "generated-password-of-the-mock"
GIVEN = "given-password-of-the-test"
APPLICATION_PASSWORD = "application-password-of-the-mock"
PEM = "certificate-and-key-of-the-mock"
REDIS_PASSWORD = "redis-password-of-the-mock"


@dataclass
class Registered:
    """One resource as the engine receives it; `raw` keeps the marks of secrets, `inputs` has them opened."""

    request: Any
    raw: dict[str, Any]

    @property
    def inputs(self) -> dict[str, Any]:
        return dict(opened(self.raw))


@dataclass
class Program:
    """What one run of __main__.py registered, by resource name, and its exports with the marks of secrets.

    `made` are those that the engine has answered for, `before_the_end` those of them when the servers were looked at.
    """

    resources: dict[str, Registered] = field(default_factory=dict)
    exports: dict[str, Any] = field(default_factory=dict)
    hooks: dict[str, Any] = field(default_factory=dict)
    fault: BaseException | None = None
    drift: Mapping[str, list[str]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    before_the_end: set[str] = field(default_factory=set)

    def ended(self, gone: Sequence[str]) -> list[str]:
        self.before_the_end |= self.made
        return list(gone)

    def types(self) -> dict[str, str]:
        return {name: registered.request.type for name, registered in self.resources.items()}

    def container(self, server: str) -> dict[str, Any]:
        return self.resources[server].inputs


class _Recorder(mocks.MockMonitor):
    def __init__(self, program: Program) -> None:
        super().__init__(_Outputs(program))
        self.program = program

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  the engine's name
        if request.type != "pulumi:pulumi:Stack":
            self.program.resources[request.name] = Registered(request, MessageToDict(request.object))
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]  # Pulumi's mocks are untyped

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802  the engine's name
        self.program.exports = MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]  # Pulumi's mocks are untyped


class _Outputs(mocks.Mocks):
    def __init__(self, program: Program) -> None:
        self.program = program

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        answered = {
            "version": "1.2",
            "value": GENERATED,
            "password": APPLICATION_PASSWORD,
            "redis_password": REDIS_PASSWORD,
            "pem": PEM,
            "expires": "end-of-the-mock",
            "authority": "authority-of-the-mock",
        }
        self.program.made.add(args.name)
        known = {name: value for name, value in args.inputs.items() if value is not None}
        drift = {"drift": self.program.drift[args.name]} if args.name in self.program.drift else {}
        return f"{args.name}-id", {**answered, **known, **drift}

    def call(self, args: mocks.MockCallArgs) -> Any:
        pytest.fail(f"the program calls a provider's function: {args.token}")


class _Callbacks:
    """Stands where the server for the engine's callbacks would be."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def register_resource_hook(self, hook: Any) -> None:
        self.program.hooks[hook.name] = hook


# Whoever gives passwords encrypts them.
SECRETS = ("db-server:adminPassword", "db-server:applications")


def declare(**configuration: Any) -> Program:
    """Return what the program declares with this configuration; runs once for each."""
    return _declared(json.dumps(configuration, sort_keys=True))


@functools.cache
def _declared(configuration: str) -> Program:
    program = run(json.loads(configuration))
    if program.fault:
        raise program.fault
    return program


def run(
    configuration: dict[str, Any],
    examine: Callable[[Settings], Any] | None = None,
    *,
    drift: Mapping[str, list[str]] | None = None,
    preview: bool = False,
    gone: Sequence[str] = (),
) -> Program:
    """Run __main__.py as the engine's language host does; a fault is kept in the result.

    `drift` is what the servers answer for resources that could not be finished, `gone` what is found at
    the end of the servers.
    """
    program = Program(drift=drift or {})
    values = {f"db-server:{key}": _as_text(value) for key, value in configuration.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_CONFIG", json.dumps(values))
        patch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(SECRETS))
        patch.setattr(preflight, "examine", examine or host_that_fits)
        patch.setattr(identity, "remember", lambda *_: None)
        patch.setattr(standing, "faults", lambda _: program.ended(gone))
        patch.setattr(standing, "foretell", lambda *_: None)
        contextvars.copy_context().run(_run, program, values, preview)
    return program


def host_that_fits(settings: Settings) -> preflight.Host:
    images = {
        "postgres": Image(settings.postgres.image, IDENTITY["postgres"], "17"),
        "redis": Image(settings.redis.image, IDENTITY["redis"], "8"),
    }
    labels = {
        server: container_plan(settings, server, image.name).labels("unit", image) for server, image in images.items()
    }
    labels["archive"] = archive_plan(settings).labels("unit", images["postgres"])
    return preflight.Host(images, labels)


def _run(program: Program, values: dict[str, str], preview: bool) -> None:  # noqa: FBT001  as a context's run hands it
    recorder = _Recorder(program)
    settings = mocks.MockSettings(  # type: ignore[no-untyped-call]  # Pulumi's mocks are untyped
        monitor=recorder,
        engine=mocks.MockEngine(None),
        project="db-server",
        stack="unit",
        dry_run=preview,
        organization="organization",
        callbacks=_Callbacks(program),
        outputs=set(),
    )
    configure(settings)
    set_root_resource(None)  # type: ignore[arg-type]  # as at the start of a program
    SETTINGS.rpc_manager.clear()
    pulumi.runtime.set_all_config(values)
    try:
        asyncio.run(run_in_stack(_main))
    except Exception as fault:  # noqa: BLE001  for the test to judge
        program.fault = fault


def _main() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def opened(value: Any) -> Any:
    """Return a value with its secrets opened."""
    if isinstance(value, dict):
        return opened(value["value"]) if is_secret(value) else {key: opened(item) for key, item in value.items()}
    return [opened(item) for item in value] if isinstance(value, list) else value


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def places(value: Any, text: str, path: str = "") -> Iterator[str]:
    """Yield the path of every place that holds a text; `(secret)` marks where it is encrypted."""
    if is_secret(value):
        yield from places(value["value"], text, f"{path}(secret)")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from places(key, text, f"{path}.<key>")
            yield from places(item, text, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from places(item, text, f"{path}[]")
    elif isinstance(value, str) and text in value:
        yield path
