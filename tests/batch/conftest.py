"""A small study with a notebook of three cells, so that a batch takes seconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from workbench.evidence import keys

UNITS = ("AA-01", "AA-02", "AA-03")

STUDY = """\
study: tiny
programme: civilised
unit: compound
scope: [waste_sorting_accuracy]
parties: {commissioner: C, assessor: A, contract: K, interests: none}
timezone: Asia/Shanghai
issued: 2026-12-20
waves:
  - {id: w1, role: baseline, records: [2026-01, 2026-03]}
  - {id: w2, role: current, records: [2026-04, 2026-06]}
seed: 7
sample: {default: probability}
sources:
  communities: [{file: communities.csv}]
  measurements: [{file: measurements.csv}]
weighting: {population: adults}
decisions: {gate: point, target: point, level: 0.95, min_cell: 10, margin_pp: 5, multiplicity: holm}
signatories:
  lead: {name: 甲, organisation: A, key: demo}
  reviewer: {name: 乙, organisation: A, key: demo}
  institution: {name: A, organisation: A, key: demo}
timestamps: none
languages: [zh, en]
notebook: unit.ipynb
"""

MEASURES = """\
waste_sorting_accuracy: {channel: record, measurement: sorting, statistic: ratio_of_sums, window: last_3_months}
"""

OPEN = """\
import workbench as wb
from workbench import assess

c = wb.open(study, community)
sample = assess.design(c)
wb.record(assess.head(c), section="head")
"""
VALUE = """\
value = assess.indicators(c, sample)
wb.record(value, section="indicators")
wb.record(assess.score(c, value), section="score")
"""


@pytest.fixture(name="notebook")
def notebook_fixture() -> Callable[..., str]:
    """Give the function that writes a notebook."""
    return notebook_text


def notebook_text(*cells: str) -> str:
    """Write a notebook with a parameters cell and these code cells."""
    sources = ['study: str = "demo"\ncommunity: str = "AA-01"\nseed: int = 0\n', *cells]
    names = ["parameters", *(f"cell-{i}" for i in range(1, len(cells) + 1))]
    made = [
        {
            "cell_type": "code",
            "id": name,
            "metadata": {"tags": ["parameters"]} if name == "parameters" else {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for name, source in zip(names, sources, strict=True)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys of this test alone."""
    folder = tmp_path_factory.mktemp("home") / "workbench"
    monkeypatch.setenv("WORKBENCH_HOME", str(folder))
    return folder


def write_tiny(folder: Path, *more: str) -> Path:
    """Write the small study, with cells of one's own after the two it has."""
    folder.mkdir(exist_ok=True)
    files = {
        "study.yaml": STUDY,
        "measures.yaml": MEASURES,
        "codebook.yaml": "{}\n",
        "corrections.csv": "file,key,column,old,new,reason,author,date,approved_by,evidence\n",
        "judgements.csv": "id,kind,community,object,from,to,decision,reason_zh,reason_en,"
        "author,date,approved_by\n",
        "communities.csv": "community,name,level,kind,households\n"
        + "".join(f"{u},小区{u[-1]},compound,commercial,{400 + i}\n" for i, u in enumerate(UNITS)),
        "measurements.csv": "community,indicator,period,numerator,denominator,origin\n"
        + "".join(
            f"{u},sorting,2026-0{m},{80 + 3 * i + m},100,device\n"
            for i, u in enumerate(UNITS)
            for m in range(1, 7)
        ),
        "unit.ipynb": notebook_text(OPEN, VALUE, *more),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ".secret").write_text("0" * 64 + "\n", encoding="utf-8")
    (folder / ".secret").chmod(0o600)
    return folder


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Path]:
    """Give the function that writes the small study."""
    return lambda *more: write_tiny(tmp_path / "tiny", *more)


@pytest.fixture(scope="session")
def write_study() -> Callable[..., Path]:
    """Give the function that writes the small study to a folder."""
    return write_tiny


def make_keys(folder: Path) -> Path:
    """Write an authority's root, and a PKCS#12 file for each of three people."""
    folder.mkdir()
    issuer = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)

    def issue(name: str, key: Any, *, authority: bool = False) -> x509.Certificate:
        def called(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

        return (
            x509.CertificateBuilder()
            .subject_name(called(name))
            .issuer_name(called("root"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=800))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(keys._usage(authority=authority), critical=True)
            .sign(issuer, hashes.SHA256())
        )

    root = issue("root", issuer, authority=True)
    (folder / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    for role in keys.ROLES:
        key = ec.generate_private_key(ec.SECP256R1())
        data = pkcs12.serialize_key_and_certificates(
            role.encode(), key, issue(role, key), [root], serialization.NoEncryption()
        )
        (folder / f"{role}.p12").write_bytes(data)
        (folder / f"{role}.p12").chmod(0o600)
    return folder


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Keys of three people, ``<role>.p12``, and their authority's ``root.pem``."""
    return make_keys(tmp_path / "keys")
