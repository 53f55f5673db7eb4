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
from workbench.batch.reduce import context_of
from workbench.batch.work import map_folder, opened_study
from workbench.errors import InputError
from workbench.evidence import bag as bags
from workbench.evidence import keys
from workbench.evidence.chain import NOBODY
from workbench.evidence.files import (
    replace_directory,
    sha256_bytes,
    staging_directory,
)

if TYPE_CHECKING:
    from workbench.evidence.keys import Role, SigningKey
    from workbench.study import Study

__all__ = ["RenderJob", "open_keys", "render_unit", "sign_report", "write_overview"]


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
    marked: bool = False
    """Whether the pages bear the mark of a demonstration whatever the study says of its keys."""


def render_unit(job: RenderJob) -> dict[str, Any]:
    """Make a unit's bag aside, sign what opens without a person, and put the bag in place.

    Returns
    -------
    dict
        Fields of the state line: ``state``, ``outcome``, ``map_key``, ``render_key``, ``digests``,
        ``reason``, ``cpu_seconds``, ``wall_seconds``.
    """
    import time

    started, cpu = time.monotonic(), sum(os.times()[:4])
    out = Path(job.out)
    study = opened_study(job.study)
    note = json.loads((map_folder(out, job.community) / "map.json").read_bytes())
    target = out / "communities" / job.community
    target.parent.mkdir(exist_ok=True)
    staged = staging_directory(target)
    data = staged / "data"
    shutil.copytree(map_folder(out, job.community) / "data", data)
    found = _findings(out, data, job.community)
    listing = bags.evidence_list(data)
    (data / "evidence-sha256.txt").write_bytes(listing)
    signers = open_keys(study)
    marked = job.marked or _marked(study, signers)
    for lang in job.languages:
        pdf, html = _report(job, data, found, listing, lang, marked, study)
        (data / f"report.{lang}.pdf").write_bytes(sign_report(pdf, signers, study))
        (data / f"report.{lang}.html").write_bytes(html)
    seal.describe(staged, study, note)
    bags.write_bag(
        staged,
        study=study.id,
        community=job.community,
        edition=1,
        issued=study.settings.issued,
        info={
            "Workbench-Map-Key": job.map_key,
            "Workbench-Render-Key": job.render_key,
            "Workbench-State": "signing" if signers else "draft",
            "Workbench-Outcome": job.outcome,
            "Workbench-Demonstration": "yes" if marked else "no",
            seal.SIGNED: " ".join(signers),
        },
    )
    if len(signers) == len(keys.ROLES):
        seal.attach_statement(staged, study, out, note, signers)
    digests = bags.digests(staged)
    replace_directory(target)
    return {
        "state": "signing" if signers else "draft",
        "outcome": job.outcome,
        "map_key": job.map_key,
        "render_key": job.render_key,
        "reason": note["reason"],
        "digests": digests,
        "cpu_seconds": round(sum(os.times()[:4]) - cpu + note.get("cpu_seconds", 0.0), 3),
        "wall_seconds": round(time.monotonic() - started, 3),
    }


def _findings(out: Path, data: Path, unit: str) -> list[dict[str, Any]]:
    """Write context and findings into the payload and give both as one list."""
    own: list[dict[str, Any]] = json.loads((data / "findings.json").read_bytes())
    context = context_of(out, unit)
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

    clock, vouching = None, NOBODY
    if study.settings.timestamps == "each":
        clock = seal.clock_of(study, demonstration=any(k.demonstration for k in signers.values()))
        vouching = seal.vouching_of(clock) if clock and signers else NOBODY
    for role, key in signers.items():
        pdf = pdfsign.sign(
            pdf,
            role,
            key,
            reason="社区测评报告 / community assessment report",
            time=datetime.now(UTC),
            clock=clock,
            vouching=vouching,
        )
    return pdf


def _report(
    job: RenderJob,
    data: Path,
    found: Sequence[dict[str, Any]],
    listing: bytes,
    lang: str,
    marked: bool,
    study: Study,
) -> tuple[bytes, bytes]:
    """Typeset one language: the prepared PDF and the HTML page."""
    from workbench import report
    from workbench.evidence import pdfsign
    from workbench.evidence.signature import FieldBox

    common: dict[str, Any] = {
        "lang": lang,
        "evidence_digest": sha256_bytes(listing),
        "issued": study.settings.issued,
        "edition": 1,
        "report_number": f"{study.id}/{job.community}/1",
        "demonstration": marked,
    }
    attached: dict[str, Any] = {
        "evidence_list": listing,
        "findings_json": (data / "findings.json").read_bytes(),
    }
    if job.outcome == "withheld":
        pdf = report.withheld_notice(found, **common, **attached)
        html = report.withheld_html(found, **common)
    else:
        figures = findings.figures(json.loads((data / "notebook.ipynb").read_bytes()))
        pdf = report.render(found, figures, **common, **attached)
        html = report.render_html(found, figures, **common)
    boxes: dict[Any, FieldBox] = {
        role: FieldBox(box.page, box.x0, box.y0, box.x1, box.y1) for role, box in pdf.boxes.items()
    }
    store = study.settings.timestamps == "each"
    return pdfsign.prepare(pdf.data, boxes, store=store), html


def write_overview(study: Study, out: Path, units: Sequence[str]) -> None:
    """Write ``DIR/overview``: the batch notebook with its findings, and the table of all results.

    It is written again only when it would differ.
    """
    from workbench import results
    from workbench.batch import state

    target = out / "overview"
    if (target / "attest").exists():  # closed
        return
    staged = staging_directory(target)
    data = staged / "data"
    shutil.copytree(out / "private" / "reduce" / "data", data)
    rows = state.read(out)
    told, found = [], {}
    for unit in units:
        bag = out / "communities" / unit / "data"
        line = rows.get(unit, {})
        row = {"community": unit, "state": line.get("state"), "outcome": line.get("outcome")}
        if bag.is_dir() and line.get("state") != "failed":
            found[unit] = json.loads((bag / "findings.json").read_bytes())
            row |= _unit_names(found[unit])
        told.append(row)
    table = results.results(told, found)
    (data / "results.csv").write_bytes(results.to_csv(table))
    (data / "results.xlsx").write_bytes(results.to_xlsx(table, results.legend(found.values())))
    (data / "evidence-sha256.txt").write_bytes(bags.evidence_list(data))
    bags.write_bag(
        staged, study=study.id, community="overview", edition=1, issued=study.settings.issued
    )
    same = target.is_dir() and bags.digests(staged) == bags.digests(target)
    if same:
        shutil.rmtree(staged)
    else:
        replace_directory(target)


def _unit_names(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    by_id = {row["finding"]: row for row in found}
    unit, kind = by_id.get("head.unit", {}), by_id.get("head.type", {})
    return {
        "name": unit.get("display_zh"),
        "name_en": unit.get("display_en"),
        "kind": kind.get("display_zh"),
    }
