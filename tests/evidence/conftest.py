"""Small reports, keys and bags for the tests of the evidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pylopdf_fonts_zh_cn
import pytest
import typst

from tests.evidence.forger import World, copied, make_world
from workbench.evidence import bag as bags
from workbench.evidence import keys, pdfsign
from workbench.evidence.signature import FieldBox

NOW = datetime(2026, 12, 21, 8, tzinfo=UTC)
BOXES = {
    role: FieldBox(-1, 70 + at * 160, 500, 210 + at * 160, 550)
    for at, role in enumerate(keys.ROLES)
}
SOURCE = """
#set document(title: "报告 Report", author: "a", date: datetime(year: 2026, month: 12, day: 20))
#set text(font: ("Libertinus Serif", "Noto Serif SC"), lang: "zh", region: "cn", fallback: false)
#set page(footer: context [#sys.inputs.code · 第 #counter(page).display() 页])
#pdf.attach("evidence-sha256.txt", relationship: "data", mime-type: "text/plain", description: "e")
#pdf.attach("findings.json", relationship: "data", mime-type: "application/json", description: "f")
= 社区测评报告 Report of #sys.inputs.community
得分八十分。 office
#pagebreak()
= 签名 Signatures
"""


@pytest.fixture(scope="session")
def compile_report() -> Callable[..., bytes]:
    """Make a two-page tagged PDF/A-3a report that prints a code and carries two files."""
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=True,
        font_paths=[str(Path(pylopdf_fonts_zh_cn.serif_path()).parent)],
    )

    def make(
        folder: Path, listing: bytes, findings: bytes | None, code: str, community: str
    ) -> bytes:
        folder.mkdir(parents=True, exist_ok=True)
        kept = [ln for ln in SOURCE.splitlines() if findings is not None or "findings" not in ln]
        (folder / "report.typ").write_text("\n".join(kept), encoding="utf-8")
        (folder / "evidence-sha256.txt").write_bytes(listing)
        if findings is not None:
            (folder / "findings.json").write_bytes(findings)
        pdf, warnings = typst.Compiler(
            str(folder / "report.typ"),
            root=str(folder),
            font_paths=fonts,
            sys_inputs={"code": code, "community": community},
        ).compile_with_warnings(
            format="pdf",
            pdf_standards=["a-3a", "ua-1"],
            timestamp=datetime(2026, 12, 20, tzinfo=UTC),
        )
        assert not warnings
        return bytes(pdf)

    return make


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbench home with a demonstration authority."""
    folder = tmp_path_factory.mktemp("home") / "workbench"
    keys.make_demo_ca(folder)
    return folder


@pytest.fixture(scope="session")
def demo_keys(home: Path) -> dict[keys.Role, keys.SigningKey]:
    """The three demonstration keys."""
    return {role: keys.load_key("demo", role, home=home, base=home, at=NOW) for role in keys.ROLES}


@pytest.fixture(scope="session")
def sign_all(
    demo_keys: dict[keys.Role, keys.SigningKey],
) -> Callable[..., bytes]:
    """Prepare a report and sign it in the first ``count`` roles."""

    def make(pdf: bytes, count: int = 3) -> bytes:
        pdf = pdfsign.prepare(pdf, BOXES)
        for role in keys.ROLES[:count]:
            pdf = pdfsign.sign(pdf, role, demo_keys[role], reason="评估报告", time=NOW)
        return pdf

    return make


@dataclass(frozen=True)
class Unit:
    """The bag of one unit, and the bytes of its reports before and after each signature."""

    bag: Path
    stages: list[bytes]


@pytest.fixture(scope="session")
def make_unit(
    compile_report: Callable[..., bytes],
    demo_keys: dict[keys.Role, keys.SigningKey],
) -> Callable[..., Unit]:
    """Write the bag of a unit as the runner does, with ``signed`` signatures in both languages."""

    def make(
        bag: Path,
        community: str,
        *,
        edition: int = 1,
        signed: int = 3,
        timestamps: str = "none",
    ) -> Unit:
        data = bag / "data"
        for folder in ("inputs", "protocol", "figures"):
            (data / folder).mkdir(parents=True)
        study = {"study": "xf", "edition": edition, "community": community, "issued": "2026-12-20"}
        study |= {"seed": 7}  # type: ignore[dict-item]
        study |= {"timestamps": timestamps, "measures": {}, "codebook": {}, "decisions": {}}  # type: ignore[dict-item]
        findings = [{"finding": "score.total", "community": community, "value": 80.0}]
        (data / "inputs" / "study.json").write_text(json.dumps(study) + "\n")
        (data / "inputs" / "responses.csv").write_text("respondent,q1\nP1,5\nP2,4\n")
        (data / "protocol" / "protocol.json").write_text('{"programme": "civilised"}\n')
        (data / "context.json").write_text("[]\n")
        (data / "notebook.ipynb").write_text('{"cells": []}\n')
        (data / "findings.json").write_text(json.dumps(findings) + "\n")
        (data / "findings.csv").write_text("finding,value\nscore.total,80.0\n")
        (data / "figures" / "staircase.svg").write_text("<svg/>\n")
        listing = bags.evidence_list(data)
        (data / "evidence-sha256.txt").write_bytes(listing)
        pdf = compile_report(
            bag.parent / f".typst-{bag.name}",
            listing,
            (data / "findings.json").read_bytes(),
            bags.evidence_code(listing),
            community,
        )
        stages = [pdfsign.prepare(pdf, BOXES)]
        for role in keys.ROLES[:signed]:
            stages.append(
                pdfsign.sign(stages[-1], role, demo_keys[role], reason="评估报告", time=NOW)
            )
        for lang in ("zh", "en"):
            (data / f"report.{lang}.pdf").write_bytes(stages[-1])
            (data / f"report.{lang}.html").write_text(f"<html lang={lang}></html>\n")
        renew(bag, community, edition)
        return Unit(bag, stages)

    return make


@pytest.fixture(scope="session")
def closed_batch(
    tmp_path_factory: pytest.TempPathFactory,
    make_unit: Callable[..., Unit],
    compile_report: Callable[..., bytes],
    demo_keys: dict[keys.Role, keys.SigningKey],
    home: Path,
) -> World:
    """A closed batch of two units with its ledger, made once."""
    out = tmp_path_factory.mktemp("tamper") / "out"
    return make_world(out, home, make_unit, compile_report, demo_keys)


@pytest.fixture
def world(closed_batch: World, tmp_path: Path) -> World:
    """A copy of the closed batch, to be spoilt."""
    return copied(closed_batch, closed_batch.out, tmp_path)


@pytest.fixture
def unclosed(closed_batch: World, tmp_path: Path) -> World:
    """The batch before it was closed: its overview bears no signature."""
    return copied(closed_batch, closed_batch.out.parent / "unclosed", tmp_path)


def renew(bag: Path, community: str, edition: int = 1) -> None:
    """Write manifests that fit whatever lies in the bag, as a forger would."""
    bags.write_bag(bag, study="xf", community=community, edition=edition, issued=date(2026, 12, 20))


def sha(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
