"""Nothing of the analysed source documents is silently missing from the programmes' data."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from workbench.protocol import PROGRAMMES, UNITS, Protocol, load
from workbench.protocol.parts import Baseline, Indicator, Target

pytestmark = pytest.mark.shared

DOCUMENTS = {
    "rectification": "doc 000",
    "subdistrict": "doc 001",
    "civilised": "doc 002",
    "participation": "doc 003",
}
CONTEXT = {"rectification": "A6", "subdistrict": "B8", "civilised": "C6", "participation": "D8"}
DIRECTIONS = {
    "↑": "up",
    "↓": "down",
    "context": "context",
    "band": "band",
    "target band": "band",
    "cap": "cap",
}
EVIDENCE = {
    "survey of staff": "staff_survey",
    "mystery visit": "mystery_visit",
    "document review": "document_review",
}


@pytest.fixture(scope="module")
def lines(shared: Path) -> list[str]:
    return (shared / "programmes.md").read_text(encoding="utf-8").split("\n")


@pytest.fixture(scope="module")
def protocols() -> dict[str, Protocol]:
    return {name: load(name) for name in PROGRAMMES}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def indicator_rows(lines: list[str]) -> list[tuple[str, str, list[str]]]:
    """Programme, table and cells of every indicator row of chapter 1."""
    rows, programme, table = [], "", ""
    for line in lines:
        if line.startswith("### 1.5"):
            break
        if found := re.match(r"### 1\.\d `(\w+)`", line):
            programme = found.group(1)
        if found := re.match(r"\*\*Table (\w+)\.", line):
            table = found.group(1)
        if line.startswith("**Diagnostic and context"):
            table = CONTEXT[programme]
        if programme and re.match(r"\| `\w+` \|", line) and len(cells(line)) in (7, 10):
            rows.append((programme, table, cells(line)))
    return rows


def id_rows(lines: list[str], prefix: str) -> dict[str, list[str]]:
    return {cells(line)[0]: cells(line) for line in lines if re.match(rf"\| {prefix}-\d+ \|", line)}


def section(lines: list[str], number: str) -> list[list[str]]:
    start = next(n for n, line in enumerate(lines) if line.startswith(f"### {number} "))
    end = next(n for n in range(start + 1, len(lines)) if lines[n].startswith("##"))
    found = [cells(line) for line in lines[start:end] if re.match(r"\| (?!-)", line)]
    return found[1:]


def citations(text: str) -> set[str]:
    return set(re.findall(r"§\d+(?:\.\d+)*", text))


def numbers(text: str) -> Counter[float]:
    """Every figure of a cell, without citations, ids and ordinals of cases."""
    text = re.sub(r"§\d+(?:\.\d+)*|[A-Z]-\d+", " ", text)
    text = text.replace("1 000", "1000")
    return Counter(float(n) for n in re.findall(r"\d+(?:\.\d+)?", text))


def figures_of(figure: Baseline | Target) -> set[float]:
    found = {abs(v) for v in (figure.value, figure.low, figure.high) if v is not None}
    for name in (figure.note, figure.label):
        if name is not None:
            found |= set(numbers(name.zh)) | set(numbers(name.en))
    if isinstance(figure, Target):
        found |= {float(v) for v in (figure.month, figure.year) if v is not None}
    return found


# figures of the tables that are words of the table and not data, or are kept as a unit or a phase
NOT_FIGURES = {
    ("rectification", "joint_patrol_frequency"): {1.0},
    ("rectification", "childcare_gap_fill_rate"): {2025.0},
    ("rectification", "doctor_visits_per_week"): {1.0},
    ("rectification", "waste_sorting_accuracy"): {1.0},  # "in 1 year": the note says so
    ("rectification", "illegal_structure_removal_rate"): {1.0},
    ("subdistrict", "facility_gap_new_old"): {1000.0},  # "per 1 000" is the unit
}


def test_every_indicator_of_the_tables_is_there_and_no_other(
    lines: list[str], protocols: dict[str, Protocol]
) -> None:
    rows = indicator_rows(lines)
    assert len(rows) == 352
    told = {(programme, row[0].strip("`"), table) for programme, table, row in rows}
    held = {
        (name, slug, indicator.table)
        for name, protocol in protocols.items()
        for slug, indicator in protocol.indicators.items()
    }
    assert held == told


def test_names_direction_evidence_and_source_are_those_of_the_tables(
    lines: list[str], protocols: dict[str, Protocol]
) -> None:
    wrong = []
    for programme, _, row in indicator_rows(lines):
        slug = row[0].strip("`")
        indicator = protocols[programme].indicators[slug]
        whole = len(row) == 10
        direction, evidence = (row[4], row[5]) if whole else (row[3], row[4])
        channels = {
            "device" if word == "(device)" else EVIDENCE.get(word, word)
            for part in evidence.split(",")
            for word in re.sub(r"\s*(\(device\))", r"|\1", part.strip()).split("|")
        }
        other = f"（{'、'.join(indicator.alias_zh)}）" if indicator.alias_zh else ""
        told = [
            indicator.name.zh + other == row[1],
            indicator.direction == DIRECTIONS[direction],
            set(indicator.evidence) == channels,
            indicator.source == row[-1],
        ]
        if whole:
            english = re.sub(r"\s*\[.*\]$", "", row[2])
            # a remark in brackets is a note and no part of the name
            remark = re.sub(r" \([^()]*\)$", "", english)
            told.append(
                indicator.name.en == english
                or (indicator.name.en == remark and indicator.note is not None)
            )
        if not all(told):
            wrong.append((programme, slug, told))
    assert wrong == []


def test_units_are_of_the_kind_the_tables_print(
    lines: list[str], protocols: dict[str, Protocol]
) -> None:
    kinds = [
        (r"^(%|percentage points)", {"share", "change_rel", "pp"}),
        (r"^score 0–100", {"score_100"}),
        (r"^score 1–5", {"score_5"}),
        (r"^(hours|minutes|days|months|working days)(,|;|$)", {"time"}),
        (r"^yes/no", {"yes_no"}),
        (r"^(count|violations)( |$)|^persons$", {"count"}),
        (r"per 100 households", {"household_rate"}),
        (r"^(persons per|places per|households per|residents per|pupils per)", {"rate"}),
        (r"^ratio$", {"ratio"}),
    ]
    checked = 0
    for programme, _, row in indicator_rows(lines):
        slug, cell = row[0].strip("`"), row[3] if len(row) == 10 else row[2]
        for pattern, families in kinds:
            if re.search(pattern, cell) and not cell.startswith("acts"):
                unit = protocols[programme].indicators[slug].unit
                assert UNITS[unit].family in families, (programme, slug, unit, cell)
                checked += 1
                break
    assert checked > 300


def test_every_figure_of_baselines_and_targets_is_kept(
    lines: list[str], protocols: dict[str, Protocol]
) -> None:
    lost = []
    for programme, _, row in indicator_rows(lines):
        slug = row[0].strip("`")
        indicator: Indicator = protocols[programme].indicators[slug]
        whole = len(row) == 10
        for what, cell, figures in (
            ("baseline", row[6] if whole else row[5], indicator.baselines),
            ("target", row[7] if whole else "n/g", indicator.targets),
        ):
            wanted = set(numbers(cell)) - NOT_FIGURES.get((programme, slug), set())
            held = set().union(*(figures_of(figure) for figure in figures))
            for figure in figures:
                if isinstance(figure, Target) and figure.phase is not None:
                    phase = protocols[programme].phases[figure.phase]
                    held |= {float(phase.first_month), float(phase.last_month)}
            if indicator.note is not None:
                held |= set(numbers(indicator.note.en))
            if not wanted <= held:
                lost.append((programme, slug, what, sorted(wanted - held), cell))
            cited = citations(" ".join(figure.source for figure in figures))
            if not citations(cell) <= cited | (
                citations(indicator.source) if cell.startswith("n/g") else set()
            ):
                lost.append((programme, slug, what, citations(cell) - cited, cell))
    assert lost == []


def test_bounds_keep_their_operator_and_phases_their_mark(
    lines: list[str], protocols: dict[str, Protocol]
) -> None:
    sign = {"≥": ">=", "≤": "<=", "<": "<", ">": ">"}
    wrong = []
    for programme, _, row in indicator_rows(lines):
        if len(row) != 10:
            continue
        slug = row[0].strip("`")
        indicator = protocols[programme].indicators[slug]
        figures = [*indicator.baselines, *indicator.targets]
        for mark, value in re.findall(r"([≥≤<>])(\d+(?:\.\d+)?)", row[6] + ";" + row[7]):
            held = {(f.op, f.value) for f in figures}
            # a gate is kept as what passes; "<70 excluded" passes from 70 on
            passing = (">=", float(value)) if mark == "<" else None
            if (sign[mark], float(value)) not in held and passing not in held:
                wrong.append((programme, slug, mark + value))
        for phase in re.findall(r"(?:^|; )([SML]) (?:[^;]*)", row[7]):
            if phase not in {t.phase for t in indicator.targets} and "within" not in row[7]:
                wrong.append((programme, slug, phase))
    assert wrong == []


def held_entries(protocols: dict[str, Protocol], section: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for protocol in protocols.values():
        found |= getattr(protocol, section)
    return found


@pytest.mark.parametrize(
    ("prefix", "section", "count"),
    [("R", "rules", 69), ("W", "warnings", 12), ("T", "limits", 18), ("X", "resolutions", 101)],
)
def test_every_rule_warning_limit_and_resolution_is_there_with_its_citation(
    lines: list[str], protocols: dict[str, Protocol], prefix: str, section: str, count: int
) -> None:
    told = id_rows(lines, prefix)
    held = held_entries(protocols, section)
    assert len(told) == count
    assert set(held) == set(told)
    for name, row in told.items():
        source = row[2] if prefix == "X" else row[-1]
        entry = held[name]
        cited = re.sub(r"\(([^)]*)\)", "", source)
        documents = set(re.findall(r"doc \d{3}", cited))
        assert citations(cited) - citations(entry.source) == set(), name
        assert documents <= set(re.findall(r"doc \d{3}", entry.source)), name
        programmes = {p for p, d in DOCUMENTS.items() if d in documents} or set(PROGRAMMES)
        assert programmes <= set(entry.programmes), name


def test_a_rule_is_in_every_programme_its_entry_names(protocols: dict[str, Protocol]) -> None:
    for section in ("rules", "warnings", "limits", "resolutions"):
        for name, entry in held_entries(protocols, section).items():
            for programme, protocol in protocols.items():
                there = name in getattr(protocol, section)
                assert there == (programme in entry.programmes), (name, programme)


def test_every_parameter_a_rule_names_is_a_parameter_or_has_a_place(
    lines: list[str], protocols: dict[str, Protocol]
) -> None:
    kept_elsewhere = {
        "weights_file", "indicator_set_version", "valid_from", "valid_to", "target", "max_points",
        "target_kind", "micro_minutes_ref", "ineligible_until", "approval_threshold",
        "approval_base", "draw_seed", "visit_time", "visitor_id", "coercion_check",
        "monitor_findings", "mode", "sources", "split", "award", "threshold", "cap",
        "window_months", "hard", "soft",
    }  # fmt: skip
    held = held_entries(protocols, "rules")
    for name, row in id_rows(lines, "R").items():
        if len(row) < 4:
            continue
        wanted = re.findall(r"`(\w+)", row[2])
        rule = held[name]
        for word in wanted:
            assert word in rule.parameters or (
                word in kept_elsewhere and (rule.where or rule.parameters)
            ), (name, word)


def test_what_the_source_leaves_open_is_a_parameter_without_value(
    protocols: dict[str, Protocol],
) -> None:
    parameters = held_entries(protocols, "parameters")
    for name in (
        "award_rule",
        "tie_rule",
        "spot_check_share",
        "signature_base",
        "mystery_sender",
        "award_base",
        "veto_environment",
        "reference_rate",
        "process_scale",
        "property_scheme_file",
    ):
        assert parameters[name].origin == "open"
        assert parameters[name].value is None


def test_cycles_milestones_norms_and_duties_are_counted(
    lines: list[str], protocols: dict[str, Protocol]
) -> None:
    cycles = section(lines, "2.9")
    cited = Counter(
        (row[0], name)
        for row in cycles
        for name, cell in zip(PROGRAMMES_IN_ORDER, row[1:], strict=True)
        if cell != "—"
    )
    every = {
        "weekly": "week",
        "monthly": "month",
        "quarterly": "quarter",
        "half-yearly": "half_year",
        "annual": "year",
        "three-yearly": "three_years",
    }
    for row in cycles:
        for name, cell in zip(PROGRAMMES_IN_ORDER, row[1:], strict=True):
            entries = [c for c in protocols[name].cycles if c.every == every[row[0]]]
            assert citations(" ".join(c.source for c in entries)) == citations(cell), (row[0], name)
    assert len(cited) == 17
    milestones = section(lines, "2.10")
    assert len(milestones) == sum(len(p.milestones) for p in protocols.values())
    assert len(section(lines, "2.11")) == sum(len(p.norms) for p in protocols.values())
    common = sum(re.match(r"^\d+\. ", line) is not None for line in six_one(lines))
    for name, protocol in protocols.items():
        own = [row for row in section(lines, "6.2") if row[0] == name]
        assert len(protocol.reports) == common + len(own)


PROGRAMMES_IN_ORDER = ("rectification", "subdistrict", "civilised", "participation")


def six_one(lines: list[str]) -> list[str]:
    start = next(n for n, line in enumerate(lines) if line.startswith("### 6.1"))
    end = next(n for n in range(start + 1, len(lines)) if lines[n].startswith("###"))
    return lines[start:end]


def test_data_classes_have_the_recommended_frequency(
    lines: list[str], protocols: dict[str, Protocol]
) -> None:
    told = {row[0]: row[3].replace(" ", "_") for row in section(lines, "5.1") if len(row) == 4}
    held = {slug: c.frequency for slug, c in protocols["civilised"].data_classes.items()}
    assert held == told
    assert len(held) == 12
