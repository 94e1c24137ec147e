"""The servers' images: here, pulled, or built as a stand-in where the official ones cannot be had."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dbserver import contract, execute
from dbserver.docker import images
from dbserver.errors import DbServerError, UsageError
from tools import debian
from tools.machine import ROOT, Machine, Missing, scratch
from tools.steps import Steps

FILES = ROOT / "tools" / "images"
# The suite of Debian whose packages have that major version.
SUITES = {
    "postgres:15": "bookworm",
    "postgres:17": "trixie",
    "postgres:18": "forky",
    "redis:7": "bookworm",
    "redis:8": "trixie",
}
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Recipe:
    """How a stand-in is built: server and major from a suite's packages."""

    server: str
    major: str
    suite: str

    @property
    def tag(self) -> str:
        """The stand-in's name."""
        return images.stand_in(f"{self.server}:{self.major}")

    @property
    def base(self) -> str:
        """The name of the suite's root file system as an image."""
        return f"{contract.STAND_IN_PREFIX}debian:{self.suite}"


def recipe(name: str) -> Recipe | None:
    """Return how to build a stand-in for the official image of this name, or None where nothing stands for it."""
    suite = SUITES.get(name)
    server, _, major = name.partition(":")
    return Recipe(server, major, suite) if suite else None


def absent(names: Sequence[str], *, stand_ins: bool) -> list[str]:
    """Return the images that are not here, in no form that may be used. Raises CommandError without a client."""
    if _all_here(names) or (stand_ins and _all_here([images.stand_in(name) for name in names])):
        return []
    return [n for n in dict.fromkeys(names) if not (images.find(n) or (stand_ins and images.find(images.stand_in(n))))]


def _all_here(names: Sequence[str]) -> bool:
    """True where every image is here: one question for all, since nothing to do must take no time."""
    argv = ["docker", "image", "inspect", "--format", "{{.Id}}", *names]
    return execute.run(argv, check=False, timeout=30).succeeded


def missing(names: Sequence[str], reason: str = "it is not on this machine") -> list[Missing]:
    """Return the command for each image."""
    return [Missing(f"image {name}", reason, f"docker pull {name}") for name in dict.fromkeys(names)]


def provide(steps: Steps, machine: Machine, names: Sequence[str], *, stand_ins: bool) -> None:
    """Pull each absent image, else build its stand-in where the stack allows that. Raises DbServerError."""
    for name in absent(names, stand_ins=stand_ins):
        steps.say(f"image {name}: pulling it, because it is not on this machine")
        status, last = steps.attempt(f"docker pull {name}", ["docker", "pull", name])
        if status == 0:
            continue
        if not stand_ins or recipe(name) is None:
            message = f"the image {name} is not on this machine and cannot be pulled: {last}"
            raise DbServerError(message, f"docker pull {name}, or docker load it from a machine that has it")
        steps.say(
            f"image {name}: building a stand-in from Debian's packages, because it cannot be pulled "
            "and this stack declares standIns"
        )
        build(steps, machine, name)


def build(steps: Steps, machine: Machine, name: str) -> str:
    """Build the stand-in for an official image; return its tag. Raises UsageError, DbServerError."""
    wanted = recipe(name)
    if wanted is None:
        raise UsageError(f"nothing stands in for {name}", f"one of: {', '.join(SUITES)}; or docker pull {name}")
    if not images.find(wanted.base):
        _build_base(steps, machine, wanted)
    steps.say(f"image {wanted.tag}: installing {wanted.server} {wanted.major} from Debian {wanted.suite}")
    # The classic builder needs no component that the client may lack, and its layers come from local images only.
    classic = {"DOCKER_BUILDKIT": "0"}
    steps.run(
        f"building {wanted.tag}", build_command(wanted, machine.environment), environment=classic, directory=FILES
    )
    return wanted.tag


def build_command(wanted: Recipe, environment: Mapping[str, str]) -> list[str]:
    """Return the command that builds a stand-in on its base. Pure."""
    proxies = [word for name in PROXIES if name in environment for word in ("--build-arg", name)]
    major = ["--build-arg", f"MAJOR={wanted.major}"] if wanted.server == contract.POSTGRES else []
    return ["docker", "build", "--network=host", "--build-arg", f"BASE={wanted.base}", *major, *proxies,
            "-t", wanted.tag, "-f", f"Dockerfile.{wanted.server}", "."]  # fmt: skip


def _build_base(steps: Steps, machine: Machine, wanted: Recipe) -> None:
    if not machine.superuser:
        raise DbServerError(
            "a stand-in image needs a root file system, and only root can make one",
            f"sudo tools/image {wanted.server}:{wanted.major}, or docker pull {wanted.server}:{wanted.major}",
        )
    source = debian.mirror(machine)
    if not shutil.which("debootstrap"):
        if not machine.apt:
            raise DbServerError("debootstrap is not installed", "install debootstrap, then run this again")
        steps.say("debootstrap: installing it, because a stand-in image needs a root file system")
        debian.install(steps, ["debootstrap"])
    steps.say(f"image {wanted.base}: making Debian {wanted.suite}, because the stand-in is built on it")
    with scratch(machine.cache, "rootfs-") as folder:
        target, packed = folder / "root", folder / "root.tar"
        steps.run(f"debootstrap {wanted.suite}", debian.bootstrap_command(wanted.suite, target, source))
        steps.run(
            f"packing Debian {wanted.suite}", ["tar", "--numeric-owner", "-C", str(target), "-cf", str(packed), "."]
        )
        steps.run(f"importing Debian {wanted.suite}", ["docker", "import", str(packed), wanted.base])
