"""The command ``workbench``: arguments in, words and exit codes out; no work is done here.

Every command but ``run``: 0 done, 1 something found or changed, 2 bad input or usage, 5 cannot
tell. ``run``: 2 when the study is refused before any kernel, else 4 if any unit failed, else 3 if
any was withheld, else 0.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from workbench import __version__
from workbench.cli import batches, drafting, drawing, handing, living, planning, sealing
from workbench.errors import InputError, MachineError, NotebookError, WorkbenchError

__all__ = ["main"]

_INTERRUPTED = "已中断，再次运行即可继续 / interrupted: run again to resume"


def _language() -> str:
    """Language of messages: English where the locale says so, else Chinese."""
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG", "")
    return "en" if named.lower().startswith("en") else "zh"


def _shard(text: str) -> tuple[int, int]:
    i, _, n = text.partition("/")
    if not (i.isdigit() and n.isdigit() and 1 <= int(i) <= int(n)):
        raise argparse.ArgumentTypeError("i/n, e.g. 2/8")
    return int(i), int(n)


def _jobs(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("1, 2, 3 …")
    return int(text)


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < 1e9:  # nan neither
        raise argparse.ArgumentTypeError(f"{text}: > 0")
    return number


def _languages(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if not set(chosen) <= {"zh", "en"}:
        raise argparse.ArgumentTypeError("zh, en or zh,en")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="workbench", description="社区测评工作台 / workbench")
    parser.add_argument("--version", action="version", version=f"workbench {__version__}")
    parser.add_argument("--messages", choices=("zh", "en"), default=_language())
    commands = parser.add_subparsers(dest="command", required=True)

    new = commands.add_parser("new", help="新建项目文件夹 / a commented study folder")
    new.add_argument("dir", type=Path)
    new.add_argument("--programme", required=True)
    new.set_defaults(call=_new)

    check = commands.add_parser("check", help="读入并检查，列出全部问题 / intake and checks only")
    check.add_argument("study")
    check.add_argument("--json", action="store_true")
    check.add_argument(
        "--fieldwork", action="store_true", help="外业期间每日核查 / daily, while in the field"
    )
    check.add_argument("--out", type=Path, help="--fieldwork: 批次文件夹 / the batch folder")
    check.add_argument("--wave", default="", metavar="ID", help="--fieldwork: 期 / the wave")
    check.add_argument(
        "--target", type=_jobs, default=0, metavar="N", help="--fieldwork: 每单位份数 / each unit"
    )
    check.set_defaults(call=_check)

    run = commands.add_parser("run", help="执行、出报告、签名 / the main job; again = resume")
    run.add_argument("study")
    run.add_argument("--out", type=Path)
    run.add_argument("--only", nargs="+", default=(), metavar="ID")
    run.add_argument("--jobs", type=_jobs, default=os.cpu_count() or 1)
    run.add_argument("--shard", type=_shard, default=(1, 1), metavar="i/n")
    run.add_argument("--cluster", default="", metavar="ADDRESS", help="Dask, tcp://host:port")
    run.add_argument(
        "--exchange", default="", metavar="URL", help="--cluster: 不共享目录时 / no shared path"
    )
    run.add_argument("--lang", type=_languages, default=(), metavar="zh,en")
    run.add_argument("--retry-failed", action="store_true", help="重试失败的 / execute them again")
    run.add_argument(
        "--seconds", type=_amount, default=1800.0, help="每个单位的时限 / limit of one"
    )
    run.add_argument(
        "--memory", type=_amount, default=4.0, metavar="GB", help="每个单位 / of one unit"
    )
    run.add_argument("--kernels", choices=("auto", "fresh", "forked", "in-child"), default="auto")
    run.add_argument("--json", action="store_true", help="每行一个事件 / one event a line")
    run.add_argument("--keep-environment", action="store_true")
    run.set_defaults(call=_run)

    batches.add(commands)
    planning.add(commands)
    drafting.add(commands)
    drawing.add(commands)
    sealing.add(commands)
    living.add(commands)

    verify = commands.add_parser("verify", help="验证 / verify a report, bag or batch")
    verify.add_argument("path", type=Path, nargs="?")
    verify.add_argument("--code", help="页脚的 12 位码 / the 12 digits on each page")
    verify.add_argument("--ledger", type=Path, metavar="PATH", help="--code: 账本 / its ledger")
    verify.add_argument("--trust", type=Path, metavar="CERTS")
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(call=_verify)

    handing.add(commands)

    cases = commands.add_parser(
        "cases", help="已公布的前后对比案例 / published before/after figures: list, check, add"
    )
    cases.add_argument("action", choices=("list", "check", "add"))
    cases.add_argument("file", nargs="?", type=Path, help="CSV；省略为随软件的案例库 / a library")
    cases.add_argument("values", nargs="*", metavar="column=value", help="add: 一个案例 / one case")
    cases.add_argument("--programme", default="")
    cases.add_argument("--indicator", default="")
    cases.set_defaults(call=_cases)

    for command in commands.choices.values():  # before the command or after it
        command.add_argument("--messages", choices=("zh", "en"), default=argparse.SUPPRESS)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        code: int = parsed.call(parsed)
    except InputError as error:
        _tell(error, parsed.messages)
        return 2
    except (MachineError, NotebookError) as error:
        _tell(error, parsed.messages)
        held = error.problems[0].code == "batch.locked"
        return 4 if parsed.command == "run" and not held else 2
    except BrokenPipeError:  # the reader has seen enough; of a run that is not all there was to do
        with contextlib.suppress(OSError):
            if parsed.command == "run":
                print(_INTERRUPTED, file=sys.stderr)
            sys.stderr.close()
        return 130 if parsed.command == "run" else 0
    except OSError as error:
        zh = parsed.messages == "zh"
        print(f"系统错误：{error}" if zh else f"the system says: {error}", file=sys.stderr)
        return 4 if parsed.command == "run" else 2
    except KeyboardInterrupt:
        print(_INTERRUPTED, file=sys.stderr)
        return 130
    return code


def _tell(error: WorkbenchError, lang: str) -> None:
    for i, problem in enumerate(error.problems, 1):
        print(f"{i}. {problem.text(lang)}", file=sys.stderr)


def _new(args: argparse.Namespace) -> int:
    from workbench.intake import new_study

    new_study(args.dir, args.programme)
    print(args.dir)
    return 0


def _check(args: argparse.Namespace) -> int:
    from workbench import bundle
    from workbench.intake import check

    if args.fieldwork:
        return _fieldwork(args)
    if args.out or args.wave or args.target:
        print("--out, --wave, --target: --fieldwork", file=sys.stderr)
        return 2
    report = check(bundle.path("demo") if args.study == "demo" else Path(args.study))
    if args.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, indent=1))
    else:
        print(report.text(args.messages))
    return 0 if report.ok else 1


def _fieldwork(args: argparse.Namespace) -> int:
    from workbench import bundle
    from workbench.fieldwork.run import run

    path = bundle.path("demo") if args.study == "demo" else Path(args.study)
    out = args.out or Path("reports") / path.resolve().name
    done = run(path, out, wave=args.wave, target=args.target)
    if args.json:
        print(json.dumps(done.as_dict(), ensure_ascii=False, indent=1))
    else:
        print(done.text(args.messages))
    return 0 if done.ok else 1


def _run(args: argparse.Namespace) -> int:
    from workbench.batch.limits import Limits
    from workbench.batch.progress import Events, Progress
    from workbench.batch.run import run

    if args.exchange and not args.cluster:
        print(
            "--exchange 须与 --cluster 同用"
            if args.messages == "zh"
            else "--exchange goes with --cluster",
            file=sys.stderr,
        )
        return 2
    events = Events() if args.json else None
    out = args.out or Path("reports") / Path(args.study).resolve().name
    outcome = run(
        args.study,
        out,
        only=args.only,
        jobs=args.jobs,
        shard=args.shard,
        languages=args.lang,
        progress=events or Progress(lang=args.messages),
        limits=Limits(args.seconds, args.seconds, int(args.memory * 2**30)),
        kernels=args.kernels,
        retry_failed=args.retry_failed,
        cluster=args.cluster,
        exchange=args.exchange,
    )
    if events is not None:
        events.tell("result", **outcome.as_dict())
    else:
        batches.tell(outcome, out, args.messages)
    if args.keep_environment:
        from workbench.batch.environment import keep

        keep(out / "environment")
    return outcome.code


def _verify(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from workbench.evidence.keys import home_folder
    from workbench.evidence.verify import verify
    from workbench.evidence.verify_code import look_up

    home, now = home_folder(os.environ), datetime.now(UTC)
    if args.code is not None:
        where = args.ledger or args.path
        report = look_up(args.code, where, trust=args.trust, home=home, now=now)
    elif args.path is None:
        print("workbench verify PATH | --code CODE --ledger PATH", file=sys.stderr)
        return 2
    else:
        report = verify(args.path, trust=args.trust, home=home, now=now)
    if args.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, indent=1))
    else:
        print(report.text(args.messages))
    return report.exit_code


def _cases(args: argparse.Namespace) -> int:
    from workbench import cases

    zh = args.messages == "zh"
    if args.action == "add":
        pairs = [text.partition("=") for text in args.values]
        if args.file is None or not pairs or not all(sign for _, sign, _ in pairs):
            print(
                "用法：workbench cases add 文件.csv 列=值 …；列：" + " ".join(cases.COLUMNS)
                if zh
                else "usage: workbench cases add FILE.csv column=value …; columns: "
                + " ".join(cases.COLUMNS),
                file=sys.stderr,
            )
            return 2
        n = cases.add(args.file, {name: value for name, _, value in pairs})
        print(f"{args.file}：{n} 例" if zh else f"{args.file}: {n} cases")
        return 0
    library = cases.load(args.file or "")
    if args.action == "check":
        print(f"{len(library)} 例，没有问题" if zh else f"{len(library)} cases, nothing wrong")
        return 0
    told = cases.ranges(library, programme=args.programme, indicator=args.indicator)
    lang = "zh" if zh else "en"
    for one in told.to_dict("records"):
        print("  ".join((one[f"label_{lang}"], one[f"interval_{lang}"], f"n={one['n']}")))
    return 0
