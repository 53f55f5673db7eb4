"""The overview of a batch: the batch notebook, the table of all results, and at closing a report.

Until a batch is closed nobody signs it, and it holds no report: what is in it can be held against
the bags of the units. The report is made and signed in one step by :mod:`workbench.batch.closing`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import findings
from workbench.batch import state
from workbench.batch.reduce import amendments
from workbench.batch.render import sign_report, with_fields
from workbench.evidence import bag as bags
from workbench.evidence.files import replace_directory, sha256_bytes, staging_directory
from workbench.evidence.keys import ROLES

if TYPE_CHECKING:
    from workbench.evidence.keys import Role, SigningKey
    from workbench.report.typst_pdf import Pdf
    from workbench.study import Study

__all__ = ["Overview", "overview_of", "reports_of", "signed_reports", "write_overview"]

_HEAD = ("head.assessor", "head.signatory.")  # the same in every unit's report


@dataclass(frozen=True)
class Overview:
    """The report of the overview: language → typeset pages, and the roles with a place to sign."""

    pages: Mapping[str, Pdf]
    roles: tuple[Role, ...]


def overview_of(out: Path) -> Path:
    """Where the newest overview lies: each amendment makes one beside those before it."""
    n = len(list(amendments(out).glob("[0-9]*.json")))
    return out / bags.bag_name("overview", n + 1)


def write_overview(study: Study, out: Path, units: Sequence[str]) -> None:
    """Write ``DIR/overview``: the batch notebook with its findings, and the table of all results.

    It is written again only when it would differ. After an amendment it is ``overview@2``.
    """
    from workbench import results

    target = overview_of(out)
    if (target / "attest").exists():  # closed
        return
    staged = staging_directory(target)
    data = staged / "data"
    shutil.copytree(out / "private" / "reduce" / "data", data)
    table = results.results(_results_of(out, units))
    (data / "results.csv").write_bytes(results.to_csv(table))
    (data / "results.xlsx").write_bytes(results.to_xlsx(table))
    (data / bags.EVIDENCE_LIST).write_bytes(bags.evidence_list(data))
    bags.write_bag(
        staged,
        study=study.id,
        community="overview",
        edition=state.editions([target.name])["overview"],
        issued=study.settings.issued,
    )
    same = target.is_dir() and bags.digests(staged) == bags.digests(target)
    if same:
        shutil.rmtree(staged)
    else:
        replace_directory(target)


def reports_of(
    study: Study, out: Path, units: Sequence[str], signing: Mapping[Role, SigningKey]
) -> Overview:
    """Typeset the newest overview as it lies there, for those who are going to sign it.

    Parameters
    ----------
    study, out
        The study and the batch folder, whose overview is written.
    units
        All units.
    signing
        Role → key: the three, or the institution's alone.
    """
    from workbench.report.overview_report import overview_report
    from workbench.report.standing import Entry, Lost, add_losses, standing

    target = overview_of(out)
    data = target / "data"
    notebook = data / "notebook.ipynb"
    title = {"display_zh": study.protocol.title.zh, "display_en": study.protocol.title.en}
    heads: dict[str, Any] = {"head.unit": {"finding": "head.unit", "section": "head"} | title}
    entries: list[Entry] = []
    lost: Lost = {}
    languages: set[str] = set()
    demonstration = any(key.demonstration for key in signing.values())
    for told, found in _results_of(out, units):
        if found:
            entries.append(standing(told["community"], found))
            add_losses(found, lost)
            for row in found:
                if row["finding"].startswith(_HEAD):
                    heads.setdefault(row["finding"], row)
            bag = told["bag"]
            languages |= {p.name.split(".")[1] for p in (bag / "data").glob("report.*.pdf")}
            demonstration |= bags.bag_info(bag).get("Workbench-Demonstration") == "yes"
    listing = (data / bags.EVIDENCE_LIST).read_bytes()
    edition = state.editions([target.name])["overview"]
    own = json.loads((data / "findings.json").read_bytes()) if notebook.is_file() else []
    drawn = findings.figures(json.loads(notebook.read_bytes())) if notebook.is_file() else {}
    roles = tuple(role for role in ROLES if role in signing)
    pages = {
        lang: overview_report(
            [*heads.values(), *(row for row in own if row["section"] == "overview")],
            drawn,
            entries,
            lost,
            lang=lang,
            evidence_digest=sha256_bytes(listing),
            evidence_list=listing,
            issued=study.settings.issued,
            edition=edition,
            report_number=f"{study.id}/overview/{edition}",
            demonstration=demonstration,
            roles=roles,
        )
        for lang in sorted(languages or study.settings.languages, reverse=True)
    }
    return Overview(pages, roles)


def signed_reports(
    study: Study, overview: Overview, signing: Mapping[Role, SigningKey]
) -> dict[str, bytes]:
    """Sign the pages of an overview; file name → PDF.

    Raises
    ------
    InputError
        ``sign.*``, ``timestamps.authority``.
    MachineError
        ``stamp.*``.
    """
    in_order = {role: signing[role] for role in overview.roles}
    return {
        f"report.{lang}.pdf": sign_report(with_fields(pdf, study, overview.roles), in_order, study)
        for lang, pdf in overview.pages.items()
    }


def _results_of(
    out: Path, units: Sequence[str]
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Give state, names, bag and findings of each unit; those of one at a time are in memory."""
    rows = state.brief(out)
    newest = state.editions(rows)
    for unit in units:
        name = bags.bag_name(unit, newest.get(unit, 1))
        bag = out / "communities" / name
        file = bag / "data" / "findings.json"
        line, found = rows.get(name), []
        told = {"community": unit, "state": line and line.state, "outcome": line and line.outcome}
        if file.is_file() and not (line and line.state == "failed"):
            found = json.loads(file.read_bytes())
            told |= _unit_names(found)
        yield told | {"bag": bag}, found


def _unit_names(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    by_id = {row["finding"]: row for row in found}
    unit, kind = by_id.get("head.unit", {}), by_id.get("head.type", {})
    return {
        "name": unit.get("display_zh"),
        "name_en": unit.get("display_en"),
        "kind": kind.get("display_zh"),
    }
