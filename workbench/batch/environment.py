"""The environment a notebook ran in, as it is recorded in the bag and compared by an audit.

``protocol/environment.json`` holds Python, system, the workbench's own code and every distribution
that the workbench needs, with its version. Test tools and whatever else is installed beside them
are no part of it.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from workbench.errors import MachineError, Problem

__all__ = ["FILE", "differences", "install", "keep", "needed", "record_environment", "running"]

FILE = "protocol/environment.json"
_OWN = "community-workbench"


@cache
def needed() -> dict[str, str]:
    """Name and version of every installed distribution that the workbench needs, itself left out.

    The requirements of requirements are followed, with markers judged for this system; extras
    count as far as somebody asks for them.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting: list[tuple[str, frozenset[str]]] = [(_OWN, frozenset())]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = distribution.version
        for text in distribution.requires or ():
            asked = Requirement(text)
            if any(_holds(asked, extra) for extra in ("", *extras)):
                waiting.append((canonicalize_name(asked.name), frozenset(asked.extras)))
    found.pop(_OWN, None)
    return dict(sorted(found.items()))


def _holds(asked: Any, extra: str) -> bool:
    return asked.marker is None or bool(asked.marker.evaluate({"extra": extra}))


def running() -> dict[str, Any]:
    """Describe the environment of this process, in the form in which it is recorded."""
    from workbench import __version__
    from workbench.batch.slices import package_digest

    return {
        "python": platform.python_version(),
        "system": f"{sys.platform} {platform.machine()}",
        "workbench": __version__,
        "package_sha256": package_digest(),
        "distributions": needed(),
    }


def record_environment(data: Path) -> None:
    """Write ``protocol/environment.json`` into a unit's or the batch's ``data/``."""
    file = data / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(_recorded(), encoding="utf-8")


@cache
def _recorded() -> str:
    """Write the environment out once per process, which keeps its own to its end."""
    return json.dumps(running(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def differences(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> list[dict[str, str]]:
    """List what two environments differ in.

    Returns
    -------
    list of dict
        ``name``, ``recorded``, ``here``; a distribution that one of them lacks has ``-`` there.
    """
    return [
        {"name": name, "recorded": before or "-", "here": now or "-"}
        for name, before, now in _pairs(recorded, here)
        if before != now
    ]


def _pairs(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in ("python", "system", "workbench", "package_sha256"):
        yield name, str(one.get(name) or ""), str(other.get(name) or "")
    both = [dict(each.get("distributions") or {}) for each in (one, other)]
    for name in sorted(set(both[0]) | set(both[1])):
        yield name, str(both[0].get(name, "")), str(both[1].get(name, ""))


def keep(folder: Path) -> None:
    """Store the wheels of the running environment, so that an audit needs no network.

    ``folder`` then holds one wheel per distribution, the workbench's own among them, and
    ``requirements.txt`` with the SHA-256 of each; it is left alone when it holds this environment.

    Raises
    ------
    MachineError
        ``environment.wheels`` when a wheel cannot be had; nothing is left then.
    """
    from workbench.evidence.files import replace_directory, staging_directory

    note = folder / "environment.json"
    if note.is_file() and json.loads(note.read_bytes()) == running():
        return
    staged = staging_directory(folder)
    try:
        _collect(staged)
    except MachineError:
        shutil.rmtree(staged)
        raise
    replace_directory(folder)


def _collect(staged: Path) -> None:
    from workbench.evidence.files import sha256_file

    asked = staged / "asked.txt"
    asked.write_text("".join(f"{n}=={v}\n" for n, v in needed().items()), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _pip([*pip, "download", "--no-deps", "--only-binary", ":all:", "-r", str(asked)], staged, "-d")
    asked.unlink()
    root = Path(__file__).resolve().parents[2]
    if (root / "pyproject.toml").is_file():
        _pip([*pip, "wheel", "--no-deps", "--no-build-isolation", str(root)], staged, "-w")
    else:
        _repack(staged)
    wheels = sorted(staged.glob("*.whl"))
    lines = [f"./{wheel.name} --hash=sha256:{sha256_file(wheel)}\n" for wheel in wheels]
    (staged / "requirements.txt").write_text("".join(lines), encoding="utf-8")
    text = json.dumps(running(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (staged / "environment.json").write_text(text, encoding="utf-8")


def install(wheels: Path, target: Path) -> Path:
    """Make a virtual environment of kept wheels, each held against its digest, without network.

    Returns
    -------
    Path
        Its Python.

    Raises
    ------
    MachineError
        ``environment.wheels`` when they cannot be installed here.
    """
    import venv

    venv.EnvBuilder(with_pip=True, symlinks=sys.platform != "win32").create(target)
    python = target / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    how = "install --no-index --no-deps --require-hashes --only-binary :all: -r".split()
    _pip([*pip, *how, "requirements.txt"], wheels.resolve())
    return python


def _pip(command: list[str], folder: Path, option: str = "") -> None:
    whole = [*command, option, str(folder)] if option else command
    done = subprocess.run(  # noqa: S603  (pip of a Python of ours)
        whole, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["pip"])[-1][:300]
        raise MachineError(
            Problem(
                code="environment.wheels",
                zh=f"wheel 文件无法取得或安装（{said}）",
                en=f"wheels cannot be had or installed ({said})",
                file=folder.name.strip("."),
                remedy_zh="检查网络、磁盘以及此 Python 是否带有 pip（python -m ensurepip）；"
                "审计可改用 --python",
                remedy_en="check network, disk and whether this Python has pip "
                "(python -m ensurepip); an audit can use --python instead",
            )
        )


def _repack(folder: Path) -> None:
    """Make a wheel of the installed workbench from the files that its record names."""
    own = metadata.distribution(_OWN)
    name = f"{_OWN.replace('-', '_')}-{own.version}-py3-none-any.whl"
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in own.files or ():
            if ".." not in file.parts and file.suffix != ".pyc" and file.name != "INSTALLER":
                wheel.write(str(file.locate()), str(file))
