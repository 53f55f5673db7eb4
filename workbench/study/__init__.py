"""The study folder: settings, codebook and decisions, read and checked as a whole.

``Study.load(folder)`` gives a study or one :class:`~workbench.errors.InputError` with everything
that is wrong in ``study.yaml``, ``codebook.yaml``, ``corrections.csv``, ``judgements.csv``,
``protocol.yaml`` and ``measures.yaml``. The data files are the business of ``workbench.intake``.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from workbench.errors import InputError, Problem
from workbench.evidence.files import write_once
from workbench.study._explain import TEXTS, explain, nearest, nearest_remedy
from workbench.study._named import named_problems, within
from workbench.study.codebook import Item
from workbench.study.decisions import (
    Correction,
    Judgement,
    read_corrections,
    read_judgements,
)
from workbench.study.settings import Join, Settings, Source, Wave
from workbench.yamlfile import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.protocol import Measures, Protocol

__all__ = [
    "Correction",
    "Item",
    "Join",
    "Judgement",
    "Settings",
    "Source",
    "Study",
    "Wave",
    "nearest",
    "nearest_remedy",
    "read_secret",
    "source_of",
]

_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_INSPECTION_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}\Z")


@dataclass(frozen=True)
class Study:
    """A study folder whose settings hold together."""

    folder: Path
    """The folder that holds study.yaml, absolute."""
    settings: Settings
    """Everything in study.yaml."""
    codebook: dict[str, Item]
    """Item by code, in the order of codebook.yaml."""
    corrections: tuple[Correction, ...]
    """Lines of corrections.csv."""
    judgements: tuple[Judgement, ...]
    """Lines of judgements.csv."""
    protocol: Protocol
    """What the programme assesses, with the study's protocol.yaml laid over it."""
    measures: Measures
    """How each indicator is measured."""
    notes: tuple[Problem, ...] = ()
    """What a person should know and that refuses nothing."""

    @classmethod
    def load(cls, path: Path) -> Study:
        """Read the study folder ``path`` (or its study.yaml) and check all of its settings.

        Raises
        ------
        InputError
            With every problem of every settings file, in the order of the files.
        """
        study, problems = cls.draft(path)
        if study is None or any(problem.severity == "error" for problem in problems):
            raise InputError(*problems)
        return study

    @classmethod
    def draft(cls, path: Path) -> tuple[Study | None, list[Problem]]:
        """Read a study folder as far as it can be read, to tell what else is wrong with it.

        Returns
        -------
        tuple
            The study, without what is wrong in it (``protocol`` and ``measures`` may be missing;
            nothing may be computed from it), or ``None`` when study.yaml cannot be used at all;
            and every problem found.
        """
        folder, problems = _folder(path)
        if problems:
            return None, problems
        settings, problems = _settings(folder)
        codebook, found = _codebook(folder)
        problems += found
        corrections, found = read_corrections(folder / "corrections.csv")
        problems += found
        judgements, found = read_judgements(folder / "judgements.csv")
        problems += found
        protocol = measures = None
        programme, scope, parameters = _chosen(folder, settings)
        if programme is not None:
            protocol, measures, found = _measured(folder, programme, scope, parameters, codebook)
            problems += found
        if settings is None:
            return None, problems
        if protocol is not None and measures is not None and settings.decisions.gate is None:
            problems += _no_rule(protocol, measures)
        problems += named_problems(folder, settings, corrections)
        problems += _words_of(protocol, settings)
        problems += _no_calendar(settings, measures)
        study = cls(
            folder=folder,
            settings=settings,
            codebook=codebook,
            corrections=tuple(corrections),
            judgements=tuple(judgements),
            protocol=protocol,  # type: ignore[arg-type]  # a draft may lack it
            measures=measures,  # type: ignore[arg-type]  # a draft may lack it
            notes=tuple(problem for problem in problems if problem.severity != "error"),
        )
        return study, problems

    @property
    def id(self) -> str:
        """The study's id, the prefix of report numbers."""
        return self.settings.study

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which naive times are meant."""
        return ZoneInfo(self.settings.timezone)

    @property
    def current(self) -> Wave:
        """The wave that is assessed."""
        return next(wave for wave in self.settings.waves if wave.role == "current")

    @property
    def baseline(self) -> Wave | None:
        """The wave it is compared with, if any."""
        return next((wave for wave in self.settings.waves if wave.role == "baseline"), None)

    def resolve(self, name: str) -> Path:
        """Give the absolute path of a file named in the study's settings."""
        return (self.folder / name).resolve()

    def holds(self, name: str) -> bool:
        """Say whether a file named in the settings lies in the study folder, links followed."""
        return within(self.folder, name)

    @cached_property
    def protocol_json(self) -> str:
        """The resolved protocol as the slices hold it, made once."""
        return self.protocol.to_json().rstrip("\n") + "\n"

    @cached_property
    def workdays(self) -> dict[str, bool]:
        """Days that are otherwise than their weekday, where durations are counted by working days.

        Empty where nothing is; then no slice holds the calendar.
        """
        if not _working(self.settings, self.measures):
            return {}
        from workbench import calendars

        calendar = calendars.load(self.settings.calendar, self.folder)
        return {day.isoformat(): works for day, works in sorted(calendar.days.items())}

    def secret(self) -> bytes:
        """Give the key of the renumbering of persons; see :func:`read_secret`."""
        return read_secret(self.folder)


def source_of(file: str, **how: Any) -> Source:
    """Give a source that no study declares, for a file looked at by itself.

    Raises
    ------
    InputError
        An unknown format or encoding.
    """
    try:
        return Source.model_validate({"file": file, **how})
    except ValidationError as error:
        raise InputError(*explain(error, Source, file)) from None


def read_secret(folder: Path) -> bytes:
    """Give the 32 bytes in ``folder/.secret``; the file is made when it is missing.

    Raises
    ------
    InputError
        The file does not hold 64 hexadecimal digits.
    """
    path = folder / ".secret"
    write_once(path, f"{secrets.token_hex(32)}\n".encode(), mode=0o600)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise InputError(
            Problem(
                code="study.secret",
                file=".secret",
                zh="不是研究的密钥",
                en="not the study's key",
                remedy_zh="从备份恢复；删除它会使受访者编号全部改变",
                remedy_en="restore it from a backup; removing it renumbers every respondent",
                expected="64 hexadecimal digits",
            )
        )
    return key


def _folder(path: Path) -> tuple[Path, list[Problem]]:
    folder = path.parent if path.name == "study.yaml" else path
    if (folder / "study.yaml").is_file():
        return folder.resolve(), []
    return folder, [
        Problem(
            code="study.missing",
            file=f"{folder.name}/study.yaml",
            zh="这里没有 study.yaml",
            en="there is no study.yaml here",
            remedy_zh="给出研究文件夹的路径，或用 workbench new 新建",
            remedy_en="give the path of a study folder, or make one with workbench new",
        )
    ]


def _mapping(path: Path) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Read a YAML file that must hold a mapping."""
    try:
        value = read_yaml(path)
    except InputError as error:
        return None, list(error.problems)
    if value is None:
        value = {}
    if not isinstance(value, dict):
        return None, [
            Problem(
                code="settings.mapping",
                file=path.name,
                zh="应为“键: 值”的映射",
                en="a mapping of key: value is expected",
                remedy_zh="参照 workbench new 生成的文件",
                remedy_en="follow the file that workbench new writes",
                found=type(value).__name__,
            )
        ]
    return value, []


def _settings(folder: Path) -> tuple[Settings | None, list[Problem]]:
    raw, problems = _mapping(folder / "study.yaml")
    if raw is None:
        return None, problems
    try:
        return Settings.model_validate(raw), []
    except ValidationError as error:
        problems = explain(error, Settings, "study.yaml")
        unknown = [f["loc"] for f in error.errors() if f["type"] == "extra_forbidden"]
        for loc in unknown:
            _forget(raw, loc)
    try:  # without the unknown keys the data may still be read, for their problems
        return Settings.model_validate(raw), problems
    except ValidationError:
        return None, problems


def _forget(raw: Any, loc: tuple[int | str, ...]) -> None:
    """Remove the key at ``loc``; steps that name no key of the file are passed over."""
    here = raw
    for step in loc[:-1]:
        inside = isinstance(here, list) and isinstance(step, int) and step < len(here)
        if inside or (isinstance(here, dict) and step in here):
            here = here[step]
    if isinstance(here, dict):
        here.pop(loc[-1], None)


def _codebook(folder: Path) -> tuple[dict[str, Item], list[Problem]]:
    path = folder / "codebook.yaml"
    if not path.exists():
        return {}, []
    raw, problems = _mapping(path)
    items: dict[str, Item] = {}
    for code, value in (raw or {}).items():
        code = str(code)
        try:
            items[code] = item = Item.model_validate(value)
        except ValidationError as error:
            problems += explain(error, Item, path.name, prefix=(code,))
            continue
        if code in _taken():
            zh, en, remedy_zh, remedy_en = TEXTS["item_code"]
            problems.append(
                Problem(
                    code="codebook.taken",
                    file=path.name,
                    column=code,
                    zh=zh,
                    en=en,
                    remedy_zh=remedy_zh,
                    remedy_en=remedy_en,
                )
            )
            del items[code]
            continue
        if not item.is_read:
            problems.append(
                Problem(
                    code="codebook.unclassified",
                    file=path.name,
                    column=code[:60],
                    zh="没有写明类别和用途，该题不读取",
                    en="its class and purpose are not given: the item is not read",
                    remedy_zh="补上 class: 与 purpose:；用不到的题可以不写入码本",
                    remedy_en="give class: and purpose:, or leave an item that is not needed out",
                    expected="class: public | internal | personal | sensitive, purpose: …",
                    severity="warning",
                )
            )
        rule = _INSPECTION_CODE if item.role == "inspection" else _CODE
        if not rule.match(code):
            problems.append(
                Problem(
                    code="codebook.code",
                    file=path.name,
                    column=code[:60],
                    zh="题目代码不合规则",
                    en="the code of the item does not fit the rule",
                    remedy_zh="用小写字母开头，只含小写字母、数字与下划线，至多 40 个字符",
                    remedy_en="begin with a small letter; use small letters, digits and _ only",
                    expected=rule.pattern.removesuffix("\\Z"),
                    found=code[:60],
                )
            )
    return items, problems + _conditions(items, path.name)


def _conditions(items: dict[str, Item], file: str) -> list[Problem]:
    """Say which ``where:`` names no item before it, or no answer of it."""
    problems = []
    before: dict[str, Item] = {}
    for code, item in items.items():
        for name, wanted in item.where.items():
            asked = before.get(name)
            wrong = [] if asked is None else [w for w in wanted if not asked.holds(w)]
            if asked is not None and not wrong:
                continue
            zh, en = nearest_remedy(name if asked is None else wrong[0],
                                    before if asked is None else asked.points)  # fmt: skip
            problems.append(
                Problem(
                    code="codebook.where",
                    file=file,
                    column=f"{code}.where",
                    zh="where: 没有指明排在前面的题" if asked is None else "不是该题的回答",
                    en="where: names no item before this one"
                    if asked is None
                    else "not an answer of that item",
                    remedy_zh=zh,
                    remedy_en=en,
                    expected=" | ".join(before if asked is None else asked.points)[:100],
                    found=name if asked is None else wrong[0],
                )
            )
        before[code] = item
    return problems


def _taken() -> set[str]:
    """Names of columns of responses, which no item may bear."""
    from workbench.intake.tables import TABLES

    return set(TABLES["responses"].names())


def _working(settings: Settings, measures: Measures | None) -> str:
    """Name what is counted by the working calendar; empty where nothing is."""
    if settings.requests is not None and settings.requests.working:
        return "study.yaml requests:"
    told = measures.as_dict() if measures is not None else {}
    return next((f"{m} hours:" for m, how in told.items() if how.get("hours") == "working"), "")


def _no_calendar(settings: Settings, measures: Measures | None) -> list[Problem]:
    """Refuse working hours without a calendar."""
    asked = _working(settings, measures)
    if not asked or settings.calendar is not None:
        return []
    return [
        Problem(
            code="study.calendar",
            file="study.yaml",
            column="calendar",
            zh="按工作日历计时，但没有写明日历",
            en="time is counted by working days, but no calendar is named",
            remedy_zh="写 calendar: cn，或列有节假日和调休日的文件",
            remedy_en="write calendar: cn, or a file of your own with holidays and make-up days",
            found=asked,
        )
    ]


def _chosen(
    folder: Path, settings: Settings | None
) -> tuple[str | None, list[str] | None, dict[str, Any]]:
    """Programme, scope and parameters, also of settings that do not hold together otherwise."""
    if settings is not None:
        return settings.programme, settings.scope, settings.parameters
    raw, _ = _mapping(folder / "study.yaml")
    programme, scope = (raw or {}).get("programme"), (raw or {}).get("scope")
    if not isinstance(scope, list) or not all(isinstance(slug, str) for slug in scope):
        scope = None
    return programme if isinstance(programme, str) else None, scope, {}


def _measured(
    folder: Path,
    name: str,
    wanted: list[str] | None,
    parameters: dict[str, Any],
    codebook: dict[str, Item],
) -> tuple[Protocol | None, Measures | None, list[Problem]]:
    """Load protocol and measures; their problems join the list."""
    from workbench import protocol as protocols

    overlay = folder / "protocol.yaml"
    programme: str | Path = name
    if name not in protocols.PROGRAMMES:
        programme = folder / name
        if programme.suffix not in {".yaml", ".yml"} or not programme.is_file():
            zh, en = nearest_remedy(name, protocols.PROGRAMMES)
            return (
                None,
                None,
                [
                    Problem(
                        code="study.programme",
                        file="study.yaml",
                        column="programme",
                        zh="没有这个测评方案，也没有这个文件",
                        en="there is no such programme and no such file",
                        remedy_zh=zh,
                        remedy_en=en,
                        expected=" | ".join(protocols.PROGRAMMES),
                        found=name,
                    )
                ],
            )
    try:
        protocol = protocols.load(
            programme, overlay if overlay.exists() else None, parameters or None
        )
    except InputError as error:
        return (
            None,
            None,
            [
                p if p.file else replace(p, file="study.yaml", column="programme", found=name)
                for p in error.problems
            ],
        )
    problems = []
    for n, slug in enumerate(wanted or (), start=1):
        if slug not in protocol.indicators:
            zh, en = nearest_remedy(slug, protocol.indicators)
            problems.append(
                Problem(
                    code="study.scope",
                    file="study.yaml",
                    column=f"scope[{n}]",
                    zh="方案中没有这个指标",
                    en="the programme has no such indicator",
                    remedy_zh=zh,
                    remedy_en=en,
                    found=slug,
                )
            )
    scope = None if wanted is None else [s for s in wanted if s in protocol.indicators]
    problems += protocols.blanks(protocol, scope)
    items = {code: item.as_dict() for code, item in codebook.items()}
    try:
        measures = protocols.Measures.load(
            folder / "measures.yaml", protocol, codebook=items, scope=scope
        )
    except InputError as error:
        return protocol, None, [*problems, *error.problems]
    return protocol, measures, problems


def _no_rule(protocol: Protocol, measures: Measures) -> list[Problem]:
    """Ask for the decision rule that gates and payments on samples need; it has no default."""
    rests = [gate["indicator"] for gate in protocol.gates()]
    if "bonus_award" in protocol.parameters:
        rests.append("participation_rate")
    sampled = sorted(
        slug
        for slug in set(rests)
        if slug in measures and measures[slug].channel in ("survey", "inspection")
    )
    if not sampled:
        return []
    names = [protocol.indicator(slug).name for slug in sampled]
    return [
        Problem(
            code="decisions.blank",
            file="study.yaml",
            column="decisions.gate",
            zh=f"须由人决定：依据抽样结果的门槛或奖励按什么判定（{'、'.join(n.zh for n in names)}；"
            "没有默认值）",
            en="a person must decide: by what gates and payments that rest on a sample are decided "
            f"({', '.join(n.en for n in names)}; there is no default)",
            remedy_zh="在 decisions 中写 gate: point（估计值）、lower（不利端）或 upper（有利端）",
            remedy_en="write gate: point (estimate), lower (less favourable limit) or upper (more "
            "favourable limit) under decisions",
            expected="point | lower | upper",
        )
    ]


def _words_of(protocol: Protocol | None, settings: Settings) -> list[Problem]:
    """Words of study.yaml that the programme must know: the phase and the kind of report."""
    if protocol is None:
        return []
    own = len(protocol.report_kinds) == 0 and settings.report == "wave"
    wanted: list[tuple[str, str, Iterable[str], str, str]] = []
    if settings.phase is not None:
        wanted.append(("phase", settings.phase, protocol.phases, "阶段", "phase"))
    if not own:
        kinds = protocol.report_kinds
        wanted.append(("report", settings.report, kinds, "报告类型", "kind of report"))
    problems = []
    for key, word, known, zh, en in wanted:
        if word not in known:
            remedy_zh, remedy_en = nearest_remedy(word, sorted(known))
            problems.append(
                Problem(
                    code=f"study.{key}",
                    file="study.yaml",
                    column=key,
                    zh=f"方案没有这个{zh}",
                    en=f"the programme has no such {en}",
                    remedy_zh=remedy_zh,
                    remedy_en=remedy_en,
                    expected=" | ".join(sorted(known)),
                    found=word,
                )
            )
    return problems
