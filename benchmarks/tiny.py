"""A study of tiny units, as many as are wanted: what remains is the cost of the runner."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["notebook", "study_folder"]

_STUDY = """\
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
  lead: {name: A, organisation: A, key: demo}
  reviewer: {name: B, organisation: A, key: demo}
  institution: {name: A, organisation: A, key: demo}
timestamps: none
languages: [zh]
notebook: unit.ipynb
"""
_MEASURES = """\
waste_sorting_accuracy:
  {channel: record, measurement: sorting, statistic: ratio_of_sums, window: last_3_months}
"""
_CELLS = {
    "parameters": 'study: str = "."\ncommunity: str = "A-0001"\nseed: int = 0',
    "open": "import workbench as wb\nfrom workbench import assess\n\n"
    'c = wb.open(study, community)\nwb.record(assess.head(c), section="head")',
    "indicators": "found = assess.indicators(c, assess.design(c))\n"
    'wb.record(found, section="indicators")',
    "score": 'wb.record(assess.score(c, found), section="score")',
}


def notebook(cells: dict[str, str]) -> str:
    """Write a notebook of these code cells."""
    made = [
        {
            "cell_type": "code",
            "id": name,
            "metadata": {"tags": ["parameters"]} if name == "parameters" else {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for name, source in cells.items()
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole)


def study_folder(folder: Path, count: int) -> Path:
    """Write a study of ``count`` tiny units into a new folder and give it."""
    folder.mkdir()
    units = [f"A-{i:06}" for i in range(1, count + 1)]
    files = {
        "study.yaml": _STUDY,
        "measures.yaml": _MEASURES,
        "codebook.yaml": "{}\n",
        "corrections.csv": "file,key,column,old,new,reason,author,date,approved_by,evidence\n",
        "judgements.csv": "id,kind,community,object,from,to,decision,reason_zh,reason_en,"
        "author,date,approved_by\n",
        "communities.csv": "community,name,level,kind,households\n"
        + "".join(f"{unit},小区{unit},compound,commercial,400\n" for unit in units),
        "measurements.csv": "community,indicator,period,numerator,denominator,origin\n"
        + "".join(
            f"{unit},sorting,2026-0{month},{70 + (i + month) % 30},100,device\n"
            for i, unit in enumerate(units)
            for month in range(1, 7)
        ),
        "unit.ipynb": notebook(_CELLS),
        ".secret": "0" * 64 + "\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ".secret").chmod(0o600)
    return folder
