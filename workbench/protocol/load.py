"""Reading a programme, laying a locality's changes over it, and telling all that is wrong."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workbench.errors import InputError, Problem
from workbench.protocol import check
from workbench.protocol.faults import nearest, path_of, problems_of, unknown, unknown_problem
from workbench.protocol.model import Protocol, Target
from workbench.yamlfile import read_yaml

__all__ = ["PROGRAMMES", "blanks", "load", "validated"]

_FOLDER = Path(__file__).parent / "programmes"
PROGRAMMES: tuple[str, ...] = ("civilised", "participation", "rectification", "subdistrict")

# sections of common.yaml whose entries name the programmes they concern
_SHARED = ("rules", "warnings", "limits", "resolutions", "report_kinds")
_SHARED_ONE = ("cycles", "milestones", "norms", "reports", "signatures")
# sections that an overlay merges entry by entry
_BY_ID = (
    "dimensions",
    "phases",
    "tables",
    "indicators",
    "schemes",
    "parameters",
    "rules",
    "warnings",
    "limits",
    "resolutions",
    "data_classes",
    "priority_classes",
    "report_kinds",
)
_BLANK = re.compile(r"^_{2,}$")


def load(
    programme: str | Path,
    overlay: Path | None = None,
    parameters: Mapping[str, object] | None = None,
) -> Protocol:
    """Return a programme, with a locality's changes and the study's parameters laid over it.

    Parameters
    ----------
    programme
        ``rectification``, ``subdistrict``, ``civilised`` or ``participation``, or the path of a
        protocol of one's own (a file ``*.yaml``).
    overlay
        The study's ``protocol.yaml``: the same keys as a programme, merged entry by entry; a target
        replaces the one for the same role, kind, phase, month, year and locality, others stay.
    parameters
        Values for parameters, by name; they win over the overlay's.

    Returns
    -------
    Protocol
        Resolved and checked. Parameters that the source leaves open may still be without a value;
        `blanks` lists them.

    Raises
    ------
    InputError
        Every fault at once, each with key, reason, nearest known word and remedy.
    """
    path = _path_of(programme)
    data, protocol = _bundled(path.stem) if path.parent == _FOLDER else _read(path)
    if overlay is None and not parameters:
        return protocol
    file = path.name
    problems: list[Problem] = []
    merged = copy.deepcopy(data)
    if overlay is not None:
        file = overlay.name
        problems += _lay_over(merged, _mapping(read_yaml(overlay), file), protocol, file)
    for name, value in (parameters or {}).items():
        problems += _set_parameter(merged, name, value, protocol, "study.yaml")
    problems += _settle(merged, file)
    merged["changes"] = sorted({*merged.get("changes", ()), *_changes(overlay, parameters)})
    try:
        changed = validated(merged, file=file)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(*problems)
    return changed


def _settle(data: dict[str, Any], file: str) -> list[Problem]:
    """Write the parameters that a study gave to the places that take their value, in place."""
    problems: list[Problem] = []
    for name, parameter in data["parameters"].items() if "parameters" in data else ():
        if not isinstance(parameter, dict) or parameter.get("origin") != "study":
            continue
        for place in parameter.get("sets", ()):
            value = parameter.get("value")
            item = place.get("item")
            if item is not None:
                if not isinstance(value, list) or len(value) != len(parameter["sets"]):
                    problems.append(_list_problem(name, len(parameter["sets"]), value, file))
                    break
                value = value[item]
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue  # the parameter's own check tells what is wrong with it
            if "scheme" in place:
                channels = data["schemes"][place["scheme"]]["channels"]
                channels[place["channel"]]["share"] = value
                channels[place["rest"]]["share"] = round(1 - value, 12)
                continue
            key = place.get("key", "value")
            settled = value * place.get("times", 1)
            for target in data["indicators"][place["indicator"]].get("targets", ()):
                if target.get("role", "target") == place.get("role", "gate"):
                    target[key] = int(settled) if key == "window_months" else settled
    return problems


def _list_problem(name: str, length: int, value: object, file: str) -> Problem:
    return Problem(
        code="protocol.value",
        file=file,
        column=f"parameters.{name}.value",
        zh=f"应为 {length} 个数的列表",
        en=f"must be a list of {length} figures",
        found=str(value),
        remedy_zh="按参数名称所列的顺序写出各数",
        remedy_en="write the figures in the order the parameter's name lists",
    )


def _changes(overlay: Path | None, parameters: Mapping[str, object] | None) -> list[str]:
    """Name what an overlay and the study's parameters touch, for the report."""
    touched = [f"parameters.{name}" for name in parameters or {}]
    if overlay is not None:
        for section, entries in _mapping(read_yaml(overlay), overlay.name).items():
            if section in _BY_ID and isinstance(entries, dict):
                touched += [f"{section}.{name}" for name in entries]
            elif section not in ("programme", "format"):
                touched.append(str(section))
    return touched


def validated(data: object, *, file: str) -> Protocol:
    """Return the protocol in plain data.

    Raises
    ------
    InputError
        With one problem per fault.
    """
    try:
        protocol = Protocol.model_validate(data)
    except ValidationError as error:
        raise InputError(*problems_of(error, Protocol, file=file, code="protocol")) from None
    found = check.faults(protocol, file=file)
    if found:
        raise InputError(*found)
    return protocol


def blanks(
    protocol: Protocol, indicators: tuple[str, ...] | list[str] | None = None
) -> list[Problem]:
    """Return one problem per parameter that the source leaves open and nobody has supplied.

    Parameters
    ----------
    protocol
        The resolved programme.
    indicators
        The study's scope; None means all indicators. A parameter that only other indicators need
        is left out.

    Returns
    -------
    list of Problem
        Severity ``error`` where the study cannot be run without it, else ``warning``: the rule is
        not applied, and the report's limits say so.
    """
    scope = set(protocol.indicators if indicators is None else indicators)
    problems = []
    for name, parameter in protocol.parameters.items():
        if parameter.value is not None or parameter.origin != "open":
            continue
        needed = [slug for slug in parameter.needed_by if slug in protocol.indicators]
        if needed and not scope.intersection(needed):
            continue
        refused = parameter.blocks == "study"
        words = " | ".join(parameter.choices) or parameter.type
        problems.append(
            Problem(
                code="protocol.blank",
                file="protocol.yaml",
                column=f"parameters.{name}",
                zh=f"须由人决定：{parameter.name.zh}（{parameter.rule}，来源未规定）"
                + ("" if refused else "；未提供时不适用该规则，报告中注明"),
                en=f"a person must decide: {parameter.name.en} ({parameter.rule}, not given in the "
                "source)"
                + (
                    "" if refused else "; without it the rule is not applied and the report says so"
                ),
                remedy_zh=f"在 protocol.yaml 的 parameters 中写 {name}: …",
                remedy_en=f"write {name}: … under parameters in protocol.yaml",
                expected=words,
                severity="error" if refused else "warning",
            )
        )
    return problems


def _read(path: Path) -> tuple[dict[str, Any], Protocol]:
    """Return the plain data of a programme and the protocol made of them."""
    data = _mapping(read_yaml(path), path.name)
    if path.parent == _FOLDER:
        _add_common(data, _mapping(read_yaml(_FOLDER / "common.yaml"), "common.yaml"))
    return data, validated(data, file=path.name)


@functools.cache
def _bundled(name: str) -> tuple[dict[str, Any], Protocol]:
    """Return a bundled programme, read once; its files do not change while the process lives."""
    return _read(_FOLDER / f"{name}.yaml")


def _path_of(programme: str | Path) -> Path:
    if isinstance(programme, str) and programme in PROGRAMMES:
        return _FOLDER / f"{programme}.yaml"
    path = Path(programme)
    if path.suffix in {".yaml", ".yml"}:
        return path
    raise unknown("programme", str(programme), PROGRAMMES, "方案", "programme")


def _mapping(data: object, file: str) -> dict[str, Any]:
    if isinstance(data, dict):
        return data
    raise InputError(
        Problem(
            code="protocol.type",
            file=file,
            zh="文件应为键值对",
            en="the file must be a mapping (key: value)",
            found=type(data).__name__,
            remedy_zh="参照 docs/methods/protocol.md 中的例子",
            remedy_en="follow the example in docs/methods/protocol.md",
        )
    )


def _add_common(data: dict[str, Any], common: dict[str, Any]) -> None:
    """Add to a bundled programme what all four share, as far as it concerns this one."""
    slug = data["programme"]
    own = data["indicators"]
    for section in _SHARED:
        entries = {k: v for k, v in common[section].items() if slug in v["programmes"]}
        data[section] = {**entries, **data.get(section, {})}
    for resolution in data["resolutions"].values():
        if "indicators" in resolution:
            resolution["indicators"] = [s for s in resolution["indicators"] if s in own]
    for section in _SHARED_ONE:
        concerned = [e for e in common[section] if e["programme"] in {slug, "all"}]
        data[section] = [*concerned, *data.get(section, [])]
    rules = data["rules"]
    chosen = {k: v for k, v in common["parameters"].items() if v["rule"] in rules}
    for parameter in chosen.values():
        if "needed_by" in parameter:
            parameter["needed_by"] = [
                need for need in parameter["needed_by"] if need in own or need in rules
            ]
    data["parameters"] = {**chosen, **data.get("parameters", {})}
    data["data_classes"] = {**common["data_classes"], **data.get("data_classes", {})}


def _lay_over(
    base: dict[str, Any], over: dict[str, Any], protocol: Protocol, file: str
) -> list[Problem]:
    """Lay an overlay over a programme's data, in place; return what is wrong with its ids."""
    problems: list[Problem] = []
    known = list(Protocol.model_fields)
    for key, value in over.items():
        if key in ("programme", "format"):
            if value != base[key]:
                problems.append(_other_programme(key, value, base[key], file))
        elif key not in known:
            near = nearest(str(key), known)
            problems.append(
                Problem(
                    code="protocol.unknown-key",
                    file=file,
                    column=str(key),
                    zh=f"未知的键“{key}”",
                    en=f'unknown key "{key}"',
                    remedy_zh=f"是否指“{near}”？" if near else "可用：" + "、".join(known),
                    remedy_en=f'did you mean "{near}"?' if near else "known: " + ", ".join(known),
                )
            )
        elif key in _BY_ID:
            problems += _lay_section(base, key, value, protocol, file)
        else:
            base[key] = value
    return problems


def _other_programme(key: str, value: object, expected: object, file: str) -> Problem:
    return Problem(
        code="protocol.other-programme",
        file=file,
        column=key,
        zh="补充文件是为另一方案写的",
        en="the overlay is written for another programme",
        expected=str(expected),
        found=str(value),
        remedy_zh=f"改为 {expected} 或删去该键",
        remedy_en=f"write {expected} or remove the key",
    )


def _lay_section(
    base: dict[str, Any], section: str, entries: object, protocol: Protocol, file: str
) -> list[Problem]:
    if not isinstance(entries, dict):
        return [
            Problem(
                code="protocol.type",
                file=file,
                column=section,
                zh="应为键值对（编号: 内容）",
                en="must be a mapping (id: content)",
                found=type(entries).__name__,
                remedy_zh="每条以其编号为键",
                remedy_en="give each entry its id as key",
            )
        ]
    problems: list[Problem] = []
    target = base.setdefault(section, {})
    for name, entry in entries.items():
        if section == "parameters" and not isinstance(entry, dict):
            problems += _set_parameter(base, name, entry, protocol, file)
        elif not isinstance(entry, dict):
            problems.append(
                Problem(
                    code="protocol.type",
                    file=file,
                    column=path_of((section, str(name))),
                    zh="应为键值对",
                    en="must be a mapping (key: value)",
                    found="null" if entry is None else str(entry),
                    remedy_zh="写出要更改的键；不评的指标在 study.yaml 的 scope 中略去",
                    remedy_en="write the keys to change; scope in study.yaml leaves out indicators",
                )
            )
        elif name in target:
            target[name] = _merged(target[name], entry)
        elif section == "indicators" and "name" not in entry:
            problems.append(
                unknown_problem(
                    "indicator",
                    str(name),
                    target,
                    "指标",
                    "indicator",
                    file=file,
                    column=f"indicators.{name}",
                )
            )
        else:
            target[name] = entry
    return problems


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Merge an entry: mappings key by key, targets by their key, everything else replaced."""
    result = dict(old)
    for key, value in new.items():
        if key == "targets" and isinstance(value, list):
            result[key] = _merged_targets(old.get("targets", []), value)
        elif isinstance(value, dict) and isinstance(old.get(key), dict):
            result[key] = _merged(old[key], value)
        else:
            result[key] = value
    return result


def _target_key(entry: object) -> object:
    if not isinstance(entry, dict):
        return None
    defaults = {name: field.default for name, field in Target.model_fields.items()}
    return tuple(
        entry.get(name, defaults[name])
        for name in ("role", "kind", "phase", "month", "year", "locality")
    )


def _merged_targets(old: list[Any], new: list[Any]) -> list[Any]:
    replaced = {_target_key(entry) for entry in new}
    return [entry for entry in old if _target_key(entry) not in replaced] + new


def _set_parameter(
    base: dict[str, Any], name: object, value: object, protocol: Protocol, file: str
) -> list[Problem]:
    if name not in protocol.parameters:
        return [
            unknown_problem(
                "parameter",
                str(name),
                protocol.parameters,
                "参数",
                "parameter",
                file=file,
                column=f"parameters.{name}",
            )
        ]
    if value is None or (isinstance(value, str) and _BLANK.match(value.strip())):
        return []  # still a blank; `blanks` asks for it
    entry = dict(base["parameters"][name])
    problems = _shape(str(name), entry.get("value"), value, file)
    entry.update(value=value, origin="study")
    base["parameters"][name] = entry
    return problems


def _shape(name: str, old: object, new: object, file: str) -> list[Problem]:
    """Hold a list of figures against the one it replaces: as many, and in order where that was."""
    if not isinstance(old, list) or not isinstance(new, list):
        return []
    column = f"parameters.{name}.value"
    if old and all(isinstance(part, list) for part in old):
        if len(new) != len(old):
            return [_list_problem(name, len(old), new, file)]
        pairs = zip(old, new, strict=True)
        return [problem for a, b in pairs for problem in _shape(name, a, b, file)][:1]
    figures = all(_is_figure(part) for part in old)
    if figures and (len(new) != len(old) or not all(_is_figure(part) for part in new)):
        return [_list_problem(name, len(old), new, file)]
    if figures and len(old) > 1 and old == sorted(set(old)) and new != sorted(set(new)):
        return [
            Problem(
                code="protocol.value",
                file=file,
                column=column,
                zh="各数应由小到大",
                en="the figures must rise",
                found=str(new),
                remedy_zh="下限写在前，上限写在后",
                remedy_en="write the lower figure first",
            )
        ]
    return []


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
