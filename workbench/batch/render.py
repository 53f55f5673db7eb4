"""From an executed notebook and its context to a signed bag: report, evidence list, signatures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import findings
from workbench.batch import seal
from workbench.batch.limits import Lost
from workbench.batch.reduce import context_of
from workbench.batch.slices import digest
from workbench.batch.state import turn
from workbench.batch.work import commit, map_folder, opened_study, working_folder
from workbench.errors import InputError
from workbench.evidence import bag as bags
from workbench.evidence import keys
from workbench.evidence.chain import NOBODY
from workbench.evidence.files import sha256_bytes

if TYPE_CHECKING:
    from workbench.evidence.keys import Role, SigningKey
    from workbench.report.typst_pdf import Pdf
    from workbench.study import Study

__all__ = [
    "REASON",
    "RenderJob",
    "open_keys",
    "render_unit",
    "settings_digest",
    "sign_report",
    "with_fields",
]


REASON = "社区测评报告 / community assessment report"
"""Of signing, as PDF readers show it."""


@dataclass(frozen=True)
class RenderJob:
    """One unit's bag is to be made."""

    study: str
    out: str
    community: str
    map_key: str
    render_key: str
    languages: tuple[str, ...]
    outcome: str
    edition: int = 1
    marked: bool = False
    """Whether the pages bear the mark of a demonstration whatever the study says of its keys."""
    settings: str = ""
    """Digest of the study's settings that the run began with; empty: whatever they are."""


def settings_digest(study: Study) -> str:
    """Digest of what ``study.yaml`` says."""
    return digest(study.settings.model_dump(mode="json"))


def render_unit(job: RenderJob) -> dict[str, Any]:
    """Make a unit's bag aside, sign what opens without a person, and put the bag in place.

    Returns
    -------
    dict
        Fields of the state line: ``state``, ``outcome``, ``map_key``, ``render_key``, ``digests``,
        ``reason``, ``cpu_seconds``, ``wall_seconds``.

    Raises
    ------
    Lost
        When ``study.yaml`` says something else than when the run began.
    """
    import time

    started, cpu = time.monotonic(), sum(os.times()[:4])
    out = Path(job.out)
    study = opened_study(job.study)
    if job.settings not in ("", settings_digest(study)):
        raise Lost("study-changed")
    note = json.loads((map_folder(out, job.community) / "map.json").read_bytes())
    target = out / "communities" / bags.bag_name(job.community, job.edition)
    staged = working_folder(out, job.community)
    data = staged / "data"
    shutil.copytree(map_folder(out, job.community) / "data", data)
    found = _findings(out, data, job.community, job.edition)
    listing = bags.evidence_list(data)
    (data / "evidence-sha256.txt").write_bytes(listing)
    signers = open_keys(study)
    marked = job.marked or _marked(study, signers)
    reports = _reports(job, data, found, listing, study, marked=marked)
    with turn(staged.parent, f"{job.community}@turn"):
        if _signed(target):  # a worker that was taken for lost: nothing is signed a second time
            shutil.rmtree(staged)
        else:
            _seal(job, study, out, staged, note, signers, reports, listing, marked=marked)
            commit(staged, target)
        info = bags.bag_info(target)
        return {
            "state": info["Workbench-State"],
            "outcome": info["Workbench-Outcome"],
            "map_key": info["Workbench-Map-Key"],
            "render_key": info["Workbench-Render-Key"],
            "reason": note["reason"],
            "digests": bags.digests(target),
            "cpu_seconds": round(sum(os.times()[:4]) - cpu + note.get("cpu_seconds", 0.0), 3),
            "wall_seconds": round(time.monotonic() - started, 3),
        }


def _signed(bag: Path) -> bool:
    """Say whether a bag is there whose reports bear a signature that nobody sent back."""
    if not bag.is_dir():
        return False
    info = bags.bag_info(bag)
    return bool(info.get(seal.SIGNED)) and info.get("Workbench-State") != "returned"


def _seal(
    job: RenderJob,
    study: Study,
    out: Path,
    bag: Path,
    note: Mapping[str, Any],
    signers: dict[Role, SigningKey],
    reports: Mapping[str, bytes],
    listing: bytes,
    *,
    marked: bool,
) -> None:
    """Put signed reports into a bag that is built aside, and write what describes it."""
    known = {f"data/{name}": told for name, told in bags.read_list(listing).items()}
    for name, content in reports.items():
        pdf = name.endswith(".pdf")
        content = sign_report(content, signers, study) if pdf else content
        (bag / "data" / name).write_bytes(content)
        known[f"data/{name}"] = sha256_bytes(content)
    seal.describe(bag, study, note, edition=job.edition, known=known)
    bags.write_bag(
        bag,
        study=study.id,
        community=job.community,
        edition=job.edition,
        issued=study.settings.issued,
        info={
            "Workbench-Map-Key": job.map_key,
            "Workbench-Render-Key": job.render_key,
            "Workbench-State": "signing" if signers else "draft",
            "Workbench-Outcome": job.outcome,
            "Workbench-Demonstration": "yes" if marked else "no",
            seal.SIGNED: " ".join(signers),
        },
        known=known,
    )
    if len(signers) == len(keys.ROLES):
        seal.attach_statement(bag, study, out, note, signers, edition=job.edition, known=known)


def _findings(out: Path, data: Path, unit: str, edition: int) -> list[dict[str, Any]]:
    """Write context and findings into the payload and give both as one list."""
    own: list[dict[str, Any]] = json.loads((data / "findings.json").read_bytes())
    context = context_of(out, unit, edition)
    (data / "context.json").write_bytes(findings.to_json(context))
    adjusted = {
        str(row["item"]): row
        for row in context
        if str(row["finding"]).startswith("context.p_adjusted.")
    }
    for row in own:
        if row["finding"] in adjusted:
            told = adjusted[row["finding"]]
            row["p_adjusted"], row["family"] = told["p_adjusted"], told["family"]
    both = [*own, *(r for r in context if not r["finding"].startswith("context.p_adjusted."))]
    (data / "findings.json").write_bytes(findings.to_json(both))
    (data / "findings.csv").write_bytes(findings.to_csv(both))
    return both


def open_keys(study: Study) -> dict[Role, SigningKey]:
    """Open the keys that need no person, in the order of signing; stop at the first that does."""
    home, now = keys.home_folder(os.environ), datetime.now(UTC)
    opened: dict[Role, SigningKey] = {}
    for role in keys.ROLES:
        signatory = getattr(study.settings.signatories, role, None)
        if signatory is None:
            break
        try:
            setting = _setting(signatory.key)
            opened[role] = keys.load_key(setting, role, home=home, base=study.folder, at=now)
        except InputError as error:
            if error.problems[0].code == "key.person":
                break
            raise
    return opened


def _setting(key: Any) -> Any:
    return key if isinstance(key, str) else key.model_dump(exclude_none=True, mode="json")


def _marked(study: Study, signers: dict[Role, SigningKey]) -> bool:
    """Say whether the pages must bear the mark of a demonstration."""
    told = [getattr(study.settings.signatories, role, None) for role in keys.ROLES]
    named = any(one is not None and one.key == "demo" for one in told)
    return named or any(key.demonstration for key in signers.values())


def sign_report(pdf: bytes, signers: Mapping[Role, SigningKey], study: Study) -> bytes:
    """Sign a prepared report with these keys, in their order."""
    from workbench.evidence import pdfsign

    if not signers:
        return pdf
    clock, vouching = None, NOBODY
    if study.settings.timestamps == "each":
        clock = seal.clock_of(study, demonstration=any(k.demonstration for k in signers.values()))
        vouching = seal.vouching_of(clock) if clock else NOBODY
    now = datetime.now(UTC)
    return pdfsign.sign_each(pdf, signers, reason=REASON, time=now, clock=clock, vouching=vouching)


def _reports(
    job: RenderJob,
    data: Path,
    found: Sequence[dict[str, Any]],
    listing: bytes,
    study: Study,
    *,
    marked: bool,
) -> dict[str, bytes]:
    """Typeset every language: the prepared PDF and the HTML page, by name of the file."""
    from workbench import report

    common: dict[str, Any] = {
        "evidence_digest": sha256_bytes(listing),
        "issued": study.settings.issued,
        "edition": job.edition,
        "report_number": f"{study.id}/{job.community}/{job.edition}",
        "demonstration": marked,
    }
    attached: dict[str, Any] = {
        "evidence_list": listing,
        "findings_json": (data / "findings.json").read_bytes(),
    }
    withheld = job.outcome == "withheld"
    notebook = {"cells": []} if withheld else json.loads((data / "notebook.ipynb").read_bytes())
    figures, pictures = findings.figures(notebook), findings.pictures(notebook)
    made: dict[str, bytes] = {}
    for lang in job.languages:
        common["lang"] = lang
        if withheld:
            pdf = report.withheld_notice(found, **common, **attached)
            html = report.withheld_html(found, **common)
        else:
            pdf, html = report.render_both(found, figures, pictures=pictures, **common, **attached)
        made |= {f"report.{lang}.pdf": with_fields(pdf, study), f"report.{lang}.html": html}
    return made


def with_fields(pdf: Pdf, study: Study, roles: Sequence[Role] = keys.ROLES) -> bytes:
    """Lay the signature fields of some roles over the boxes that the pages have for them."""
    from workbench.evidence import pdfsign
    from workbench.evidence.signature import FieldBox

    boxes: dict[Any, FieldBox] = {
        role: FieldBox(box.page, box.x0, box.y0, box.x1, box.y1) for role, box in pdf.boxes.items()
    }
    store = study.settings.timestamps == "each"
    return pdfsign.prepare(pdf.data, boxes, store=store, roles=roles)
