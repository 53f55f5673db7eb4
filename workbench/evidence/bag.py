"""BagIt 1.0 bags (RFC 8493): one per unit and edition, and the list of evidence inside.

``data/evidence-sha256.txt`` names every file a report rests on; its own digest stands in the signed
report. The manifests name every file of the bag. A check finds what was changed, taken out, and
added, which ``sha256sum -c`` and ``bagit.py`` do not all find.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from workbench.errors import InputError, Problem
from workbench.evidence.files import sha256_bytes, sha256_file, write_aside
from workbench.evidence.result import Result, Verdict

__all__ = [
    "EVIDENCE_LIST",
    "NOTICE_LIST",
    "NOT_DELIVERED",
    "OVERVIEW",
    "bag_info",
    "bag_name",
    "check_bag",
    "check_evidence",
    "digest_of_read",
    "digests",
    "evidence_code",
    "evidence_list",
    "list_files",
    "not_delivered",
    "read_list",
    "set_info",
    "write_bag",
    "write_tags",
]

EVIDENCE_LIST = "evidence-sha256.txt"
NOTICE_LIST = "notice-sha256.txt"
"""In the folder of a notice: its files with their digests, as the ledger's entry has them."""
NOT_DELIVERED = "not-delivered.txt"
"""Beside the manifests of a bag that was delivered without its rows: the paths left out."""
_MAY_BE_KEPT = re.compile(r"\Adata/(inputs/[a-z_]+\.csv|notebook\.ipynb)\Z")
# what prints or describes the evidence, and can therefore not be in the list itself
_NOT_EVIDENCE = re.compile(
    r"\A(report\.[^/]+|evidence-sha256\.txt|ro-crate-metadata\.json|renditions/.+)\Z"
)
OVERVIEW = re.compile(r"\Aoverview(@[1-9]\d{0,3})?\Z")
"""Names of a batch's overviews: the first, and one after each amendment."""
_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_LINE = re.compile(r"\A([0-9a-f]{64}) [ *](.+)\Z")
# RFC 8493 §5.2 and Windows: names that some machine cannot store or would take for another
_BAD_PART = re.compile(
    r"""[\x00-\x1f\x7f\\:*?"<>|%~]|[. ]\Z|\A\.{1,2}\Z"""
    r"""|\A(?i:con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|\Z)"""
)
# all that lies around the payload; nothing else is signed or read
_TAG = re.compile(
    r"\A(bagit\.txt|bag-info\.txt|(tag)?manifest-sha256\.txt|not-delivered\.txt|attest/("
    r"evaluation\.intoto\.json|entry\.json|entry\.tlog-proof|checkpoint\.tsr|"
    r"certs/(lead|reviewer|institution|timestamp)\.pem|crls/[0-9a-f]{16}\.crl))\Z"
)
_INFO = re.compile(
    r"\A(External-Identifier|Bagging-Date|Payload-Oxum|Source-Organization|"
    r"Workbench-(Map-Key|Render-Key|State|Outcome|Demonstration|Signed))\Z"
)
_MOST_FILES = 200_000
_LARGEST_FILE = 2 << 30
_LARGEST_TAG_FILE = 64 << 20


def evidence_list(data: Path) -> bytes:
    """Return ``evidence-sha256.txt`` for a unit's ``data/``: one ``sha256sum`` line per file.

    Parameters
    ----------
    data : Path
        The folder: inputs, protocol, context, notebook, findings, figures. Reports, the list
        itself and the crate are left out; **every** other file is in.

    Returns
    -------
    bytes
        Lines ``<64 hex>␠␠<path>``, LF, sorted by path; checked by ``sha256sum -c`` in ``data/``.

    Raises
    ------
    InputError
        ``bag.name``: a file that is no regular file, or a name not every machine can store.
    """
    return _listing(data, (name for name in list_files(data) if not _NOT_EVIDENCE.match(name)))


def bag_name(community: str, edition: int) -> str:
    """Return the name of the folder in which the bag of a unit's edition lies.

    Examples
    --------
    >>> bag_name("JX-01", 1), bag_name("JX-01", 2)
    ('JX-01', 'JX-01@2')
    """
    return community if edition == 1 else f"{community}@{edition}"


def digest_of_read(data: Path) -> str:
    """Return one digest over all that a notebook reads: every file in ``inputs/``, ``protocol/``.

    It is the SHA-256 of what ``sha256sum`` prints of them, sorted by path.
    """
    names = (n for n in list_files(data) if n.startswith(("inputs/", "protocol/")))
    return sha256_bytes(_listing(data, names))


def evidence_code(listing: bytes) -> str:
    """Return the 12 hex digits printed on each page: the beginning of the list's SHA-256."""
    return sha256_bytes(listing)[:12]


def write_bag(
    bag: Path,
    *,
    study: str,
    community: str,
    edition: int,
    issued: date,
    info: Mapping[str, str] | None = None,
    known: Mapping[str, str] | None = None,
) -> None:
    """Write or renew the tag files around ``bag/data`` (and ``bag/attest``).

    Called after every change of the payload: after the run, and in the folder aside at each
    signature. The same files give the same bytes; the clock is not read.

    Parameters
    ----------
    bag : Path
        Folder with ``data/`` filled, ``evidence-sha256.txt`` included.
    study, community, edition : str, str, int
        Become ``External-Identifier: study/community/edition``.
    issued : date
        Becomes ``Bagging-Date``.
    info : mapping, optional
        More lines of ``bag-info.txt``, such as ``Source-Organization``; single-line texts.
    known : mapping of str to str, optional
        Path in the bag → SHA-256 of files that were read just now and are not read again.

    Raises
    ------
    InputError
        ``bag.name`` for a link, special file or unportable name; ``bag.info`` for a line break.
    """
    files = list_files(bag)
    payload = [name for name in files if name.startswith("data/")]
    octets = sum((bag / name).stat().st_size for name in payload)
    lines = {
        "External-Identifier": f"{study}/{community}/{edition}",
        "Bagging-Date": issued.isoformat(),
        "Payload-Oxum": f"{octets}.{len(payload)}",
    }
    lines = dict(sorted((dict(info or {}) | lines).items()))
    for key, value in lines.items():
        if not key or re.search(r"[\r\n:]", key) or re.search(r"[\r\n]", value):
            raise InputError(
                Problem(
                    code="bag.info",
                    zh="bag-info.txt 的一项含有换行",
                    en="an entry of bag-info.txt has a line break",
                    found=f"{key}: {value}"[:200],
                    remedy_zh="改为单行文字",
                    remedy_en="make it a single line",
                )
            )
    write_aside(bag / "bagit.txt", _DECLARATION)
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    write_aside(bag / "bag-info.txt", text.encode())
    write_aside(bag / "manifest-sha256.txt", _listing(bag, payload, known))
    write_tags(bag)


def write_tags(bag: Path) -> None:
    """Write the manifest of the tag files anew: after ``attest/`` or ``bag-info.txt`` changed."""
    tags = {"bagit.txt", "bag-info.txt", "manifest-sha256.txt"}
    tags |= {name for name in list_files(bag) if name.startswith("attest/")}
    write_aside(bag / "tagmanifest-sha256.txt", _listing(bag, tags))


def set_info(bag: Path, **more: str) -> None:
    """Change lines of ``bag-info.txt`` (``_`` stands for ``-``) and renew the tag manifest."""
    told = bag_info(bag) | {name.replace("_", "-"): value for name, value in more.items()}
    text = "".join(f"{key}: {value}\n" for key, value in sorted(told.items()))
    write_aside(bag / "bag-info.txt", text.encode())
    write_tags(bag)


def digests(bag: Path) -> dict[str, str]:
    """Return the digests that pin a bag, for ``digests`` in ``communities.jsonl``.

    Returns
    -------
    dict of str
        Path in the bag → SHA-256: the tag manifest (through it every file), the evidence list and
        the PDF reports, as far as they exist.
    """
    names = ["tagmanifest-sha256.txt", f"data/{EVIDENCE_LIST}"]
    names += [f"data/{path.name}" for path in sorted((bag / "data").glob("report.*.pdf"))]
    return {name: sha256_file(bag / name) for name in names if (bag / name).is_file()}


def list_files(folder: Path) -> list[str]:
    """Return the relative paths (``/`` between parts) of all files in a folder of our own.

    Raises
    ------
    InputError
        ``bag.name``: all links, special files and unportable names at once.
    """
    files, odd = _walk(folder)
    odd += [name for name in files if any(map(_BAD_PART.search, name.split("/")))]
    folded: dict[str, str] = {}
    for name in files:
        if folded.setdefault(name.casefold(), name) != name:
            odd.append(name)
    if odd:
        raise InputError(
            *(
                Problem(
                    code="bag.name",
                    zh="不是普通文件，或文件名无法在所有系统上保存",
                    en="not a regular file, or a name that not every machine can store",
                    file=name,
                    remedy_zh="改名或移走该文件",
                    remedy_en="rename the file or take it away",
                )
                for name in sorted(odd)
            )
        )
    return files


def read_list(data: bytes) -> dict[str, str]:
    """Read a manifest or evidence list that a stranger may have written.

    Returns
    -------
    dict of str
        Path → SHA-256.

    Raises
    ------
    ValueError
        Not UTF-8, a line of another form, a path twice, or one that leads out of the folder; the
        message names the line.
    """
    found: dict[str, str] = {}
    text = data.decode()
    if text and not text.endswith("\n"):
        raise ValueError("the last line is cut off")
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        match = _LINE.match(line)
        if not match:
            raise ValueError(f"line {number} is not '<sha256>  <path>'")
        name = match[2]
        parts = name.split("/")
        if any(_BAD_PART.search(part) or not part for part in parts):
            raise ValueError(f"line {number}: unsafe path {name[:80]!r}")
        if name in found:
            raise ValueError(f"line {number}: {name!r} twice")
        found[name] = match[1]
    return found


def bag_info(bag: Path) -> dict[str, str]:
    """Read ``bag-info.txt``; keys as written, of a repeated key the first value.

    Raises
    ------
    ValueError
        When it is not UTF-8 or a line has no colon.
    """
    found: dict[str, str] = {}
    for line in _small(bag / "bag-info.txt").decode().splitlines():
        key, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"no colon in {line[:80]!r}")
        found.setdefault(key.strip(), value.strip())
    return found


def check_bag(bag: Path) -> list[Result]:
    """Check every file of a bag against its manifests.

    Nothing outside the folder is opened and no link is followed, whatever the manifests say.

    Parameters
    ----------
    bag : Path
        The bag; it may come from a stranger.

    Returns
    -------
    list of Result
        One per file changed, missing or added, per link or special file, per unreadable tag file;
        or a single valid one, ``bag.whole``. A folder without ``bagit.txt`` is "cannot tell", and
        so is a file that cannot be read. Where there are links, special files or giants
        (``bag.link``) nothing else is looked at.
    """
    try:
        return _checked(bag)
    except OSError as error:
        name = Path(str(error.filename or bag))
        where = name.relative_to(bag).as_posix() if name.is_relative_to(bag) else name.name
        return [
            Result(
                code="bag.unreadable",
                verdict=Verdict.CANNOT_TELL,
                where=where,
                zh=f"无法读取（{error.strerror}）",
                en=f"cannot be read ({error.strerror})",
                bring_zh="检查权限与磁盘，再次核验",
                bring_en="check permissions and disk, and verify again",
            )
        ]


def _checked(bag: Path) -> list[Result]:
    if not os.path.lexists(bag / "bagit.txt"):
        return [
            Result(
                code="bag.none",
                verdict=Verdict.CANNOT_TELL,
                zh="不是证据包（没有 bagit.txt）",
                en="not a bag (no bagit.txt)",
                bring_zh="请提供完整的证据包文件夹",
                bring_en="bring the whole folder of the bag",
            )
        ]
    files, odd = _walk(bag)
    found = [
        _changed(
            "bag.link",
            name,
            "是链接或特殊文件，或大得不像证据",
            "is a link or a special file, or larger than evidence is",
        )
        for name in odd
    ]
    if found:
        return found
    tag_names = {name for name in files if not name.startswith("data/")}
    payload = {name for name in files if name.startswith("data/")}
    strange = {name for name in tag_names if not _TAG.match(name)}
    found += [
        _changed("bag.file-added", name, "证据包中没有这种文件", "no file that a bag has")
        for name in sorted(strange)
    ]
    tag_names -= strange | {"tagmanifest-sha256.txt", NOT_DELIVERED}
    for manifest, names in (
        ("tagmanifest-sha256.txt", tag_names),
        ("manifest-sha256.txt", payload),
    ):
        try:
            listed = read_list(_small(bag / manifest))
            listed = {name: digest for name, digest in listed.items() if name not in strange}
        except (FileNotFoundError, ValueError) as error:
            found.append(
                _changed(
                    "bag.manifest",
                    manifest,
                    f"清单无法读取（{error}）",
                    f"the manifest cannot be read ({error})",
                )
            )
            continue
        found += _compare(bag, listed, names, manifest)
    found += _check_tags(bag, payload)
    if found:
        return found
    whole = Result(
        code="bag.whole",
        verdict=Verdict.VALID,
        zh=f"{len(payload)} 个文件与清单一致，无缺失、无多余",
        en=f"{len(payload)} files as the manifest lists them, none missing, none added",
    )
    absent = not_delivered(bag) - payload
    if not absent:
        return [whole]
    return [
        replace(
            whole,
            code="bag.not-delivered",
            zh=f"{len(payload)} 个文件与清单一致，无多余；{len(absent)} 个数据文件未交付",
            en=f"{len(payload)} files as the manifest lists them, none added; "
            f"{len(absent)} files of rows not delivered",
        )
    ]


def not_delivered(bag: Path) -> set[str]:
    """Return the paths that ``not-delivered.txt`` names, as far as a delivery may lack them.

    Rows of the slice, and a notebook that shows rows: whatever else a stranger writes there is
    still missing. The file is in no manifest; what is there is held against them all the same.
    """
    try:
        names = set(_small(bag / NOT_DELIVERED).decode().split("\n"))
    except (OSError, ValueError):
        return set()
    return {name for name in names if _MAY_BE_KEPT.match(name)}


def check_evidence(data: Path, listing: bytes, *, source_zh: str, source_en: str) -> list[Result]:
    """Check the evidence files in ``data`` against a list of evidence.

    Parameters
    ----------
    data : Path
        The ``data/`` of a bag.
    listing : bytes
        An ``evidence-sha256.txt``: the one in the bag, or the one attached to a signed report.
    source_zh, source_en : str
        Where the list comes from, for the messages.

    Returns
    -------
    list of Result
        One per file changed, missing or not in the list; or a single valid one.
    """
    try:
        listed = read_list(listing)
    except ValueError as error:
        return [
            _changed(
                "evidence.list",
                f"data/{EVIDENCE_LIST}",
                f"{source_zh}无法读取（{error}）",
                f"{source_en} cannot be read ({error})",
            )
        ]
    files, _ = _walk(data)
    names = {name for name in files if not _NOT_EVIDENCE.match(name)}
    found = _compare(data, listed, names, source_en, source_zh, prefix="data/", code="evidence")
    if found:
        return found
    return [
        Result(
            code="evidence.whole",
            verdict=Verdict.VALID,
            zh=f"{len(listed)} 个证据文件与{source_zh}一致",
            en=f"{len(listed)} files of evidence as in {source_en}",
        )
    ]


def _check_tags(bag: Path, payload: set[str]) -> list[Result]:
    """Check bagit.txt and Payload-Oxum."""
    found = []
    try:
        if _small(bag / "bagit.txt") != _DECLARATION:
            found.append(
                _changed(
                    "bag.declaration", "bagit.txt", "不是 BagIt 1.0 的声明", "not that of BagIt 1.0"
                )
            )
        told = _small(bag / "bag-info.txt").decode().splitlines()
        lines = [line.partition(":")[0].strip() for line in told]
        strange = sorted({k for k in lines if not _INFO.match(k) or lines.count(k) > 1})
        if strange:
            found.append(
                _changed(
                    "bag.info",
                    "bag-info.txt",
                    f"有工作台不写的行：{'、'.join(strange)[:200]}",
                    f"lines that the workbench does not write: {', '.join(strange)[:200]}",
                )
            )
        if not_delivered(bag) - payload:
            return found
        octets = sum((bag / name).lstat().st_size for name in payload)
        oxum = bag_info(bag).get("Payload-Oxum", "")
        if oxum != f"{octets}.{len(payload)}":
            found.append(
                _changed(
                    "bag.oxum",
                    "bag-info.txt",
                    f"Payload-Oxum 为 {oxum}，实为 {octets}.{len(payload)}",
                    f"Payload-Oxum says {oxum}, found {octets}.{len(payload)}",
                )
            )
    except (FileNotFoundError, ValueError) as error:
        found.append(
            _changed("bag.info", "bag-info.txt", f"无法读取（{error}）", f"unreadable ({error})")
        )
    return found


def _compare(
    root: Path,
    listed: Mapping[str, str],
    names: set[str],
    source: str,
    source_zh: str = "",
    *,
    prefix: str = "",
    code: str = "bag",
) -> list[Result]:
    """Compare files on disk with listed digests; ``names`` are regular files found by walking."""
    zh = source_zh or f" {source} "
    found = []
    absent = not_delivered(root.parent if prefix else root)
    for name in sorted(names | set(listed)):
        where = prefix + name
        if name not in names:
            if where in absent:
                continue
            text = ("缺失：列于{}，但不存在", "missing: listed in {}, but not there")
            kind = "missing"
        elif name not in listed:
            text = ("多余：{}中没有", "added: not in {}")
            kind = "added"
        elif sha256_file(root / name) != listed[name]:
            text = ("内容已改动：与{}中的摘要不符", "changed: not the digest in {}")
            kind = "changed"
        else:
            continue
        found.append(
            _changed(f"{code}.file-{kind}", where, text[0].format(zh), text[1].format(source))
        )
    return found


def _walk(folder: Path) -> tuple[list[str], list[str]]:
    """Return regular files, and links, special files and giants; paths sorted by UTF-8 bytes."""
    files: list[str] = []
    odd: list[str] = []
    waiting = [(folder, "")]
    while waiting:
        place, prefix = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                name = prefix + entry.name
                told = entry.stat(follow_symlinks=False)
                mode = told.st_mode
                junction = getattr(entry, "is_junction", None)  # Python 3.12, Windows
                if _bytes(name) != name.encode("utf-8", "backslashreplace") or (
                    junction is not None and junction()
                ):
                    odd.append(name.encode("utf-8", "backslashreplace").decode())
                elif stat.S_ISDIR(mode):
                    waiting.append((Path(entry.path), name + "/"))
                elif stat.S_ISREG(mode) and told.st_size <= _LARGEST_FILE:
                    files.append(name)
                else:
                    odd.append(name)
        if len(files) > _MOST_FILES:
            raise InputError(
                Problem(
                    code="bag.size",
                    zh="文件过多，不像证据包",
                    en="too many files for a bag",
                    file=folder.name,
                    expected=f"<= {_MOST_FILES}",
                    remedy_zh="请指向单个证据包",
                    remedy_en="point at a single bag",
                )
            )
    return sorted(files, key=_bytes), sorted(odd, key=_bytes)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _listing(root: Path, names: Iterable[str], known: Mapping[str, str] | None = None) -> bytes:
    told = known or {}
    ordered = sorted(names, key=_bytes)
    lines = (f"{told.get(name) or sha256_file(root / name)}  {name}\n" for name in ordered)
    return "".join(lines).encode()


def _small(path: Path) -> bytes:
    """Read a tag file; a link or a giant is refused."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError("not a regular file")
    if path.stat().st_size > _LARGEST_TAG_FILE:
        raise ValueError("too large")
    return path.read_bytes()


def _changed(code: str, where: str, zh: str, en: str) -> Result:
    return Result(code=code, verdict=Verdict.CHANGED, where=where, zh=zh, en=en)
