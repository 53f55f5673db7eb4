"""Around the signatures of a batch: crate and statement of a bag, the ledger, closing.

A bag whose third signature is in place is put where it belongs first and entered in the ledger
then: a crash between the two is made good by the next start, which finds it signed and not entered.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import __version__
from workbench.batch.opening import log_of
from workbench.batch.reduce import amendments
from workbench.batch.slices import environment, package_digest
from workbench.batch.state import editions
from workbench.errors import InputError, Problem
from workbench.evidence import attest, keys
from workbench.evidence import bag as bags
from workbench.evidence.chain import Vouching, current_lists, load_crls, path_to
from workbench.evidence.crate import CRATE, make_crate
from workbench.evidence.files import (
    copied_directory,
    replace_directory,
    sha256_file,
    write_aside,
    write_atomic,
)
from workbench.evidence.keys import ROLES
from workbench.evidence.logs import copy_log
from workbench.evidence.statement import make_statement
from workbench.evidence.timestamp import (
    Authority,
    http_authority,
    local_authority,
    stamp,
    stamped_by,
)

if TYPE_CHECKING:
    from cryptography import x509

    from workbench.evidence.keys import Role, SigningKey
    from workbench.study import Study

__all__ = [
    "attach_statement",
    "clock_of",
    "describe",
    "enter_signed",
    "freeze",
    "refuse_unfit",
    "stamp_of",
    "versions",
    "vouch_for_stamp",
    "vouching_of",
    "waiting",
    "waits_for_entry",
]

_SHOWN = ("ipykernel", "numpy", "pandas", "papermill", "pyhanko", "scipy", "statsmodels", "typst")
SIGNED = "Workbench-Signed"


def clock_of(study: Study, *, demonstration: bool = False) -> Authority | None:
    """Return the authority that stamps what a study signs; None for ``timestamps: none``.

    Where no authority is named, demonstration keys get the stamps of this machine.

    Parameters
    ----------
    study : Study
        The study.
    demonstration : bool
        Whether a demonstration key signs, whatever the study names.

    Raises
    ------
    InputError
        ``timestamps.authority``, when ``tsa:`` is missing and the keys are no demonstration.
    """
    settings = study.settings
    if settings.timestamps == "none":
        return None
    if settings.tsa is not None:
        return _http(settings.tsa)
    if demonstration or any(getattr(settings.signatories, r).key == "demo" for r in ROLES):
        return _local(keys.home_folder(os.environ))
    raise InputError(
        Problem(
            code="timestamps.authority",
            file="study.yaml",
            column="tsa",
            zh="要求时间戳，但未给出时间戳服务的地址",
            en="time stamps are wanted, but no authority is named",
            found=f"timestamps: {settings.timestamps}",
            remedy_zh="写明 tsa: http://…（RFC 3161），或写 timestamps: none",
            remedy_en="say tsa: http://… (RFC 3161), or timestamps: none",
        )
    )


@lru_cache(maxsize=4)
def _http(url: str) -> Authority:
    return http_authority(url)


@lru_cache(maxsize=4)
def _local(home: Path) -> Authority:
    clock = keys.demo_clock(home)
    return local_authority(clock.certificate, clock.private, clock.chain)


def refuse_unfit(
    study: Study, out: Path, fresh: Iterable[str], key: SigningKey | None = None
) -> None:
    """Refuse before any kernel what could not be entered after all the work.

    Parameters
    ----------
    study : Study
        The study.
    out : Path
        The batch folder.
    fresh : iterable of str
        Bags, by name, whose reports bear no signature yet.
    key : SigningKey, optional
        A key that is going to sign, beside those the study names.

    Raises
    ------
    InputError
        ``timestamps.authority``; ``ledger.demonstration`` for an institution's ledger and
        demonstration keys; ``ledger.twice`` for units it has already; ``ledger.closed``.
    """
    signatories = study.settings.signatories
    if key is not None or any(getattr(signatories, r).key != "person" for r in ROLES):
        clock_of(study, demonstration=key is not None and key.demonstration)
    problems = []
    if study.settings.ledger is not None:
        shown: list[str] = [r for r in ROLES if getattr(signatories, r).key == "demo"]
        if key is not None and key.demonstration and not shown:
            shown = ["lead"]
        problems += [
            Problem(
                code="ledger.demonstration",
                file="study.yaml",
                column=f"signatories.{role}.key",
                zh="机构账本不登记示例签名的报告",
                en="an institution's ledger takes nothing that demonstration keys sign",
                remedy_zh="使用正式密钥，或去掉 ledger:",
                remedy_en="use keys of your own, or take ledger: out",
            )
            for role in shown
        ]
    folder = study.resolve(study.settings.ledger) if study.settings.ledger else out / "ledger"
    fresh = list(fresh)
    if fresh and not problems and (folder / "checkpoint").exists():
        ledger = log_of(study, out)
        closed = ledger.closed(study.id) is not None
        for name in fresh:
            ((unit, number),) = editions([name]).items()
            late = closed and number == 1
            if late or ledger.issued(study.id, unit, number) is not None:
                problems.append(
                    Problem(
                        code="ledger.closed" if late else "ledger.twice",
                        community=unit,
                        zh="该项目已关闭" if late else "账本中已有该单位本版的报告",
                        en="the study is closed"
                        if late
                        else "the ledger has a report of this unit and edition already",
                        remedy_zh="更正须出新版（amend）",
                        remedy_en="a correction is a new edition (amend)",
                    )
                )
    if problems:
        raise InputError(*problems)


def freeze(study: Study, out: Path) -> None:
    """Enter the digest of the context of all units: it is frozen from the first signature on.

    That of an amendment replaces the one before, and says so.
    """
    context = out / "private" / "reduce" / "contexts.json"
    notebook = out / "private" / "reduce" / "data" / "notebook.ipynb"
    ledger = log_of(study, out)
    digest = sha256_file(context)
    if ledger.context(study.id) != digest:
        entry: dict[str, Any] = {
            "type": "context",
            "study": study.id,
            "context_sha256": digest,
            "notebook_sha256": sha256_file(notebook),
            "read_sha256": bags.digest_of_read(notebook.parent),
        }
        frozen = ledger.frozen(study.id)
        if frozen is not None and amendments(out).is_dir():
            entry["replaces"] = frozen
        wheels = out / "environment" / "requirements.txt"
        if wheels.is_file():
            entry["wheels_sha256"] = sha256_file(wheels)
        ledger.append([entry], demonstration=_demonstrates(ledger))
    copy_log(ledger, out / "ledger")


def _demonstrates(ledger: Any) -> bool:
    return bool(ledger.verifier.name.startswith("demonstration/"))


def describe(
    bag: Path,
    study: Study,
    note: Mapping[str, Any],
    *,
    edition: int = 1,
    known: Mapping[str, str] | None = None,
) -> None:
    """Write the crate of a unit's ``data/``: what ran on what, and the digest of every file.

    Files of ``known`` (path in the bag → SHA-256) are not read again.
    """
    settings = json.loads((bag / "data" / "inputs" / "study.json").read_bytes())
    told = environment()
    crate = make_crate(
        bag / "data",
        study=study.id,
        community=settings["community"],
        edition=edition,
        title=f"{study.id}/{settings['community']}/{edition}",
        description="社区测评：数据、笔记本、结论与报告 / data, notebook, findings, report",
        issued=study.settings.issued,
        publisher=study.settings.parties.assessor.zh,
        parameters=note["parameters"],
        versions={
            "workbench": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            **{name: told[name] for name in _SHOWN if name in told},
        },
        finished=datetime.fromisoformat(note["finished"]),
        known={name.removeprefix("data/"): digest for name, digest in (known or {}).items()},
    )
    write_aside(bag / "data" / CRATE, crate)


def attach_statement(
    bag: Path,
    study: Study,
    out: Path,
    note: Mapping[str, Any],
    signing: Mapping[Role, SigningKey],
    *,
    edition: int = 1,
    known: Mapping[str, str] | None = None,
) -> None:
    """Write the statement about a bag whose reports are signed, and who signed them.

    Files of ``known`` (path in the bag → SHA-256) are not read again.
    """
    from workbench.evidence import pdfsign

    settings = json.loads((bag / "data" / "inputs" / "study.json").read_bytes())
    signers = {role: [key.certificate, *key.chain] for role, key in signing.items()}
    if set(signers) != set(ROLES):  # others signed on another day or machine
        first = sorted((bag / "data").glob("report.*.pdf"))[0]
        signers = pdfsign.certificates(first.read_bytes())
    statement = make_statement(
        bag,
        study=study.id,
        community=settings["community"],
        edition=edition,
        parameters=note["parameters"],
        versions=versions(),
        started=datetime.fromisoformat(note["started"]),
        finished=datetime.fromisoformat(note["finished"]),
        log=log_of(study, out).verifier.text(),
        known=known,
    )
    named = {str(role): key for role, key in signing.items()}
    attest.write_attest(
        bag,
        statement,
        named,
        signers={str(role): found for role, found in signers.items()},
        lists=_lists(signers.values()),
    )
    bags.write_tags(bag)


def versions() -> dict[str, str]:
    """Return name and version of everything that is installed, the workbench's own code first."""
    python = ".".join(map(str, sys.version_info[:3]))
    own = {"workbench": __version__, "package": package_digest(), "python": python}
    return own | environment()


def _lists(chains: Iterable[Sequence[x509.Certificate]]) -> list[Any]:
    """Return the revocation lists in force today for those who signed."""
    trust = _trust()
    return [crl for chain in chains for crl in _vouching(chain, trust).lists]


def _trust() -> tuple[list[Any], list[Any]]:
    """Return the roots believed on this machine, and its revocation lists."""
    home = keys.home_folder(os.environ)
    return keys.load_roots(home), load_crls([home / "trust", home / "keys" / "demo"])


def _vouching(chain: Sequence[x509.Certificate], trust: tuple[list[Any], list[Any]]) -> Vouching:
    """Return the path above a certificate, and the lists in force today for it."""
    roots, crls = trust
    own = [one for one in chain if one.issuer == one.subject]
    path = path_to(chain[0], chain[1:], [*roots, *own])
    if path is None:
        return Vouching(tuple(chain))
    return Vouching(path, tuple(current_lists(path, crls, datetime.now(UTC))))


@lru_cache(maxsize=4)
def vouching_of(clock: Authority) -> Vouching:
    """Return what others judge a time-stamp authority by later; it is asked for one stamp."""
    return _vouching(stamped_by(stamp(b"", clock)), _trust())


def vouch_for_stamp(bag: Path) -> None:
    """Put certificates and revocation lists of the authority that stamped the head into a bag."""
    token = bag / "attest" / attest.HEAD_STAMP
    if token.exists():
        found = _vouching(stamped_by(token.read_bytes()), _trust())
        attest.write_vouching(bag, "timestamp", found)


def waits_for_entry(bag: Path) -> bool:
    """Tell whether a bag has all signatures and is not entered in the ledger yet."""
    try:
        signed = bags.bag_info(bag).get(SIGNED, "").split()
    except (OSError, ValueError):
        return False
    return signed == list(ROLES) and not (bag / "attest" / attest.PROOF).exists()


def waiting(out: Path) -> list[str]:
    """Return the names of all bags that wait for their entry: a look into every one."""
    folder = out / "communities"
    return sorted(p.name for p in folder.glob("[!.]*") if p.is_dir() and waits_for_entry(p))


def enter_signed(
    study: Study, out: Path, names: Iterable[str] | None = None
) -> dict[str, dict[str, str]]:
    """Enter bags that wait for it, in one step, and put entry and proof into each.

    Parameters
    ----------
    study, out
        The study and the batch folder, which is held.
    names
        Folders of bags; those that do not wait are passed over. All that wait where none are given.

    Returns
    -------
    dict
        Folder name of the bag → its digests now.

    Raises
    ------
    InputError, MachineError
        ``ledger.*``, ``stamp.*``; the bags stay signed and wait.
    """
    folder = out / "communities"
    names = waiting(out) if names is None else sorted(names)
    names = [name for name in names if waits_for_entry(folder / name)]
    if not names:
        return {}
    ledger = log_of(study, out)
    staged, demonstration = [], False
    for name in names:
        bag = copied_directory(folder / name)
        _, unit, edition = bags.bag_info(bag)["External-Identifier"].rsplit("/", 2)
        entry = attest.report_entry(bag, study=study.id, community=unit, edition=int(edition))
        if int(edition) > 1:
            entry |= {"type": "amendment", "supersedes": _earlier(ledger, study, unit, edition)}
            entry |= _reason(bag)
        demonstration |= _demonstration(bag)
        staged.append((bag, entry))
    ask = stamp_of(study, demonstration=demonstration)
    attest.enter(ledger, staged, demonstration=demonstration, stamp=ask)
    digests = {}
    for name, (bag, _) in zip(names, staged, strict=True):
        vouch_for_stamp(bag)
        bags.set_info(bag, Workbench_State="signed")
        digests[name] = bags.digests(bag)
        replace_directory(folder / name)
    copy_log(ledger, out / "ledger")
    hand_on(out, ledger.verifier.text(), (attest.bag_certs(folder / name) for name in names))
    return digests


def _earlier(ledger: Any, study: Study, unit: str, edition: str) -> int | None:
    """Return the number of what an edition supersedes: the one before, or its withdrawal."""
    found: int | None = ledger.issued(study.id, unit, int(edition) - 1)
    return found if found is None else ledger.withdrawn(found, otherwise=found)


def _reason(bag: Path) -> dict[str, str]:
    """Give why an edition was made, as its own report says."""
    rows = json.loads((bag / "data" / "context.json").read_bytes())
    told = next((row for row in rows if row["finding"] == "context.amendment"), None)
    return {"reason": str(told["display_en"])} if told else {}


def stamp_of(study: Study, *, demonstration: bool = False) -> Callable[[bytes], bytes] | None:
    """Return what has a ledger's head time-stamped; see :func:`clock_of`."""
    clock = clock_of(study, demonstration=demonstration)
    return None if clock is None else partial(_stamped, clock)


def _stamped(clock: Authority, data: bytes) -> bytes:
    return stamp(data, clock)


def _demonstration(bag: Path) -> bool:
    return any(keys.is_demonstration(one) for one in attest.bag_certs(bag))


def hand_on(out: Path, vkey: str, found: Iterable[Sequence[x509.Certificate]]) -> None:
    """Write ``DIR/trust``: roots, revocation lists and log key to be handed to an auditor.

    Nobody believes them for lying there; who gets them from the assessor's own hand may.
    """
    from cryptography.hazmat.primitives import serialization

    trust = out / "trust"
    trust.mkdir(exist_ok=True)
    home = keys.home_folder(os.environ)
    known = keys.load_roots(home)
    roots, authorities = set(), set()
    for certificates in dict.fromkeys(map(tuple, found)):
        own = [one for one in certificates if one.issuer == one.subject]
        for one in certificates:
            path = path_to(one, certificates, [*known, *own])
            if path:
                roots.add(path[-1].public_bytes(serialization.Encoding.PEM))
                authorities |= {above.subject for above in path[1:]}
    for pem in sorted(roots):
        name = f"root-{hashlib.sha256(pem).hexdigest()[:12]}.pem"
        if not (trust / name).exists():
            write_atomic(trust / name, pem)
    for crl in load_crls([home / "trust", home / "keys" / "demo"]):
        if crl.issuer in authorities:
            pem = crl.public_bytes(serialization.Encoding.PEM)
            name = f"list-{hashlib.sha256(pem).hexdigest()[:12]}.crl"
            if not (trust / name).exists():
                write_atomic(trust / name, pem)
    if not (trust / "log.vkey").exists():
        write_atomic(trust / "log.vkey", (vkey + "\n").encode())
