"""Reports for a machine without the study: what is due goes out, what was signed comes back.

A pack is a ZIP of the PDF reports and ``pack.json``, their digests and what a signer is shown; no
rows. An outside seal system gets the same PDFs in a folder. What comes back is what went out and
one signature, or it is refused.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.batch.sign import Due, place, told_by
from workbench.errors import InputError, NotebookError, Problem
from workbench.evidence import keys
from workbench.evidence.chain import load_crls
from workbench.evidence.files import canonical_json, sha256_bytes, write_atomic

if TYPE_CHECKING:
    from workbench.evidence.keys import Role, SigningKey
    from workbench.study import Study

__all__ = ["Pack", "hand_out", "pack", "read_pack", "sign_pack", "take_back", "unpack"]

_NOTE = "pack.json"
_FORMAT = 1
_MEMBER = re.compile(r"[A-Z0-9][A-Z0-9-]{0,39}(@[1-9]\d{0,3})?/report\.(zh|en)\.pdf\Z")
_LARGEST, _MOST = 64 << 20, 100_000  # bytes of a report; reports


class Pack:
    """A pack that was read: what it says of itself, and its reports by bag and file."""

    def __init__(self, note: Mapping[str, Any], reports: Mapping[str, Mapping[str, bytes]]) -> None:
        self.role: Role = note["role"]
        self.note = note
        self.reports = reports

    @property
    def due(self) -> list[Due]:
        """What the signer is shown."""
        noted = [Due(**{k: _tuples(v) for k, v in item.items()}) for item in self.note["items"]]
        return [replace(one, **self._said(one)) for one in noted]

    def _said(self, one: Due) -> dict[str, Any]:
        """Read what a report says off the findings that it carries, not off the note."""
        from workbench.evidence import pdfsign

        first = next(iter(self.reports[one.name].values()))
        try:
            return told_by(json.loads(pdfsign.attachments(first)["findings.json"]), one.outcome)
        except (InputError, NotebookError, LookupError, TypeError, ValueError):
            return {"said": (), "open": ()}


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def pack(study: Study, out: Path, role: Role, due: Sequence[Due], file: Path) -> None:
    """Write what is due for a role into a ZIP that needs no study to be signed.

    Raises
    ------
    InputError
        ``pack.exists``.
    """
    if file.exists():
        raise _refused("pack.exists", "文件已存在", "the file exists", file.name)
    none: dict[str, Any] = {"changed": [], "moved": [], "said": [], "open": []}
    shown = [asdict(one) | none for one in due]
    note = {
        "format": _FORMAT,
        "study": study.id,
        "role": role,
        "timestamps": study.settings.timestamps,
        "tsa": study.settings.tsa,
        "items": shown,
        "digests": {},
    }
    reports = {one.name: _reports(out, one) for one in due}
    note["digests"] = {
        f"{name}/{report}": sha256_bytes(data)
        for name, files in reports.items()
        for report, data in files.items()
    }
    write_atomic(file, _zipped(note, reports))


def _reports(out: Path, one: Due) -> dict[str, bytes]:
    folder = out / "communities" / one.name / "data"
    return {name: (folder / name).read_bytes() for name in one.reports}


def _zipped(note: Mapping[str, Any], reports: Mapping[str, Mapping[str, bytes]]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        members = {f"{n}/{r}": data for n, files in reports.items() for r, data in files.items()}
        for name, data in {_NOTE: canonical_json(dict(note)), **members}.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # no time of the clock's in it
    return held.getvalue()


def read_pack(file: Path, *, signed: bool = False) -> Pack:
    """Read a pack that may come from a stranger.

    Parameters
    ----------
    file
        The ZIP.
    signed
        Whether its reports were signed since: then their digests are others than noted.

    Raises
    ------
    InputError
        ``pack.unreadable``: no pack, a giant, or not the reports that it lists.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if len(members) > _MOST or any(i.file_size > _LARGEST for i in members.values()):
                raise ValueError("too large")
            note = json.loads(archive.read(_NOTE))
            wanted = {str(name): str(digest) for name, digest in note["digests"].items()}
            if set(members) != {_NOTE, *wanted} or note["format"] != _FORMAT:
                raise ValueError("other members than it lists")
            if note["role"] not in keys.ROLES:
                raise ValueError("no such role")
            if odd := [name for name in wanted if not _MEMBER.match(name)]:
                raise ValueError(f"unsafe name {odd[0][:60]!r}")
            reports: dict[str, dict[str, bytes]] = {}
            for item in note["items"]:
                held = reports.setdefault(str(item["name"]), {})
                for report in item["reports"]:
                    data = archive.read(f"{item['name']}/{report}")
                    if not signed and sha256_bytes(data) != wanted[f"{item['name']}/{report}"]:
                        raise ValueError(f"{item['name']}/{report} was changed")
                    held[str(report)] = data
            return Pack(note, reports)
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        raise _refused(
            "pack.unreadable",
            "不是完好的待签文件包",
            "this is no pack of reports, or a damaged one",
            f"{file.name}: {error}",
        ) from error


def sign_pack(
    file: Path, role: Role, key: SigningKey, *, told: Callable[[str], None] = lambda _: None
) -> Path:
    """Sign the reports of a pack; begun and broken off, it goes on where it stopped.

    Returns
    -------
    Path
        ``NAME.signed.zip`` beside the pack, to be taken back.

    Raises
    ------
    InputError
        ``pack.*``: not a pack, or one for another role; ``sign.*``, ``key.*``.
    MachineError
        ``key.gone``, ``stamp.*``; what is signed so far lies in ``NAME.part/``.
    """
    found = read_pack(file)
    if found.role != role:
        raise _refused(
            "pack.role", "该包由另一角色签署", "the pack is for another role", found.role
        )
    part = file.with_suffix(".part")
    signed: dict[str, dict[str, bytes]] = {}
    for name, files in found.reports.items():
        for report, data in files.items():
            aside = part / f"{name}--{report}"
            if not (aside.is_file() and _holds(data, aside.read_bytes(), role)):
                part.mkdir(exist_ok=True)
                write_atomic(aside, _signed(data, role, key, found.note))
            signed.setdefault(name, {})[report] = aside.read_bytes()
        told(name)
    target = file.with_suffix(".signed.zip")
    write_atomic(target, _zipped(found.note, signed))
    for aside in part.iterdir():
        aside.unlink()
    part.rmdir()
    return target


def _holds(before: bytes, after: bytes, role: Role) -> bool:
    from workbench.evidence import pdfsign

    try:
        pdfsign.only_signed(before, after, role)
    except InputError:
        return False
    return True


def _signed(pdf: bytes, role: Role, key: SigningKey, note: Mapping[str, Any]) -> bytes:
    from datetime import UTC, datetime

    from workbench.batch.render import REASON
    from workbench.batch.seal import vouching_of
    from workbench.evidence import pdfsign
    from workbench.evidence.chain import NOBODY
    from workbench.evidence.timestamp import http_authority

    clock = None
    if note["timestamps"] == "each":
        if not note["tsa"]:
            raise _refused(
                "timestamps.authority",
                "要求时间戳，但包内没有时间戳服务的地址",
                "time stamps are wanted, but the pack names no authority",
                "timestamps: each",
            )
        clock = http_authority(str(note["tsa"]))
    vouching = vouching_of(clock) if clock else NOBODY
    now = datetime.now(UTC)
    return pdfsign.sign(pdf, role, key, reason=REASON, time=now, clock=clock, vouching=vouching)


def unpack(
    study: Study,
    out: Path,
    role: Role,
    file: Path,
    key: SigningKey | None = None,
    *,
    told: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Put what was signed elsewhere into the bags it belongs to; what is there already stays.

    Parameters
    ----------
    key
        For the institution's signature: the key of the lead assessor or the reviewer, who signs
        the statement about the bag here.

    Raises
    ------
    InputError
        ``pack.*``; ``sign.came-back``, every report that is not what went out and one signature.
    """
    found = read_pack(file, signed=True)
    if (found.note["study"], found.role) != (study.id, role):
        said = f"{found.note['study']}, {found.role}"
        raise _refused("pack.role", "属于另一项目或角色", "of another study or role", said)
    return _back(study, out, role, found.reports, key, told)


def _back(
    study: Study,
    out: Path,
    role: Role,
    reports: Mapping[str, Mapping[str, bytes]],
    key: SigningKey | None,
    told: Callable[[str], None],
) -> list[str]:
    """Check all of what came back, then place it."""
    from workbench.batch.sign import due
    from workbench.evidence import pdfsign

    if role == keys.ROLES[-1] and key is None:
        raise _refused(
            "sign.statement",
            "须有评估负责人或复核人的密钥签署证据包的声明",
            "the lead assessor's or the reviewer's key is needed for the statement of the bag",
            "--key",
        )
    there = {p.name for p in (out / "communities").glob("[!.]*") if p.is_dir()}
    ready = {one.name: one for one in due(out, role, sorted(set(reports) & there)).due}
    home = keys.home_folder(os.environ)
    roots, crls = keys.load_roots(home), load_crls([home / "trust", home / "keys" / "demo"])
    problems: list[Problem] = []
    for name in reports:
        if name not in there:
            problems += _refused(
                "sign.unit", "没有这个单位的报告", "there is no report of this unit", name
            ).problems
        elif name in ready:
            one = ready[name]
            if set(reports[name]) != set(one.reports):
                said = ("缺少一种语言", "a language is missing", name)
                problems += _refused("sign.came-back", *said).problems
                continue
            for report, before in _reports(out, one).items():
                try:
                    pdfsign.only_signed(before, reports[name][report], role, roots, crls)
                except InputError as error:
                    problems += _placed(error.problems, name, report)
    if problems:
        raise InputError(*problems)
    return place(study, out, role, key, sorted(ready), given=lambda name: reports[name], told=told)


def _placed(problems: Iterable[Problem], name: str, report: str) -> list[Problem]:
    from dataclasses import replace

    return [replace(one, community=name, file=report) for one in problems]


def hand_out(out: Path, due: Sequence[Due], folder: Path) -> None:
    """Write reports and their digests to a folder for an outside seal system.

    Raises
    ------
    InputError
        ``pack.exists``.
    """
    if folder.exists():
        raise _refused("pack.exists", "文件夹已存在", "the folder exists", folder.name)
    lines = []
    for one in due:
        for report, data in _reports(out, one).items():
            (folder / one.name).mkdir(parents=True, exist_ok=True)
            write_atomic(folder / one.name / report, data)
            lines.append(f"{sha256_bytes(data)}  {one.name}/{report}\n")
    write_atomic(folder / "handed-out-sha256.txt", "".join(lines).encode())


def take_back(
    study: Study,
    out: Path,
    role: Role,
    folder: Path,
    key: SigningKey | None,
    *,
    told: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Take reports back that an outside system sealed; those it has not touched go on waiting.

    Raises
    ------
    InputError
        ``sign.came-back``, as :func:`unpack`.
    """
    reports: dict[str, dict[str, bytes]] = {}
    for bag in sorted(p for p in folder.iterdir() if p.is_dir()):
        files = {p.name: p.read_bytes() for p in sorted(bag.glob("report.*.pdf"))}
        own = out / "communities" / bag.name / "data"
        if any(not (own / n).is_file() or (own / n).read_bytes() != d for n, d in files.items()):
            reports[bag.name] = files
    return _back(study, out, role, reports, key, told)


def _refused(code: str, zh: str, en: str, found: str) -> InputError:
    return InputError(Problem(code=code, zh=zh, en=en, found=found[:200]))
