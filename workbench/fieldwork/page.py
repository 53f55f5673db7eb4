"""The executed notebook as a page for a browser: one file, one language, nothing loaded."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.findings import MIME
from workbench.report import fonts

__all__ = ["page"]

_STYLE = """
:root { --ink: #17212b; --soft: #5b6776; --line: #d5dbe2; --bad: #b03a2e; --pale: #f4f6f8; }
body { font: 15px/1.6 "wb", "Noto Sans SC", "Microsoft YaHei", system-ui, sans-serif;
       color: var(--ink); max-width: 62rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; }
p { color: var(--soft); max-width: 46rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.86rem; margin: 0.8rem 0; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { border-bottom: 1px solid var(--line); padding: 0.35rem 0.6rem 0.35rem 0;
         vertical-align: top; }
th.number { text-align: right; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.failed td:first-child { box-shadow: inset 3px 0 var(--bad); padding-left: 0.6rem; }
tr.passed td:first-child, tr.plain td:first-child { padding-left: 0.6rem; }
svg { max-width: 100%; height: auto; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; }
               tr { break-inside: avoid; } }
"""
_HEAD = {
    "zh": ("内容", "数值", "区间", "n", "本底率", "说明", "下一步"),
    "en": ("What", "Value", "Interval", "n", "Base rate", "Note", "What to do next"),
}


def page(notebook: Mapping[str, Any], lang: str, *, title: str) -> bytes:
    """Write the page.

    Parameters
    ----------
    notebook
        Executed and sealed.
    lang
        ``zh`` or ``en``: findings and figures in this language, and of headings their part of it.
    title
        Title of the page.
    """
    parts = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            parts += _words("".join(cell["source"]), lang)
        for output in cell.get("outputs", ()):
            parts += _output(output, lang)
    body = "\n".join(parts)
    seen = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", body, flags=re.S)
    font = base64.b64encode(fonts.subset(html.unescape(seen) + "0123456789")).decode("ascii")
    face = f"@font-face {{ font-family: wb; src: url(data:font/otf;base64,{font}); }}"
    code = "zh-CN" if lang == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{code}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{face}{_STYLE}</style></head>"
        f"<body>\n{body}\n</body></html>\n"
    ).encode()


def _words(source: str, lang: str) -> list[str]:
    """Give headings and paragraphs in one language; a line with a Chinese character is Chinese."""
    out = []
    for block in source.split("\n\n"):
        text = block.strip()
        level = len(text) - len(text.lstrip("#"))
        if level:
            zh, _, en = text.lstrip("# ").partition(" / ")
            said = zh if lang == "zh" else en or zh
            out.append(f"<h{level}>{html.escape(said)}</h{level}>")
            continue
        lines = [ln for ln in text.splitlines() if _chinese(ln) == (lang == "zh")]
        if lines:
            out.append(f"<p>{html.escape(' '.join(lines))}</p>")
    return out


def _chinese(text: str) -> bool:
    return any("\u4e00" <= sign <= "\u9fff" for sign in text)


def _output(output: Mapping[str, Any], lang: str) -> list[str]:
    if output["output_type"] == "error":
        return [f"<p>{html.escape(output['ename'])}: {html.escape(output['evalue'])}</p>"]
    data = output.get("data", {})
    told = output.get("metadata", {}).get("workbench", {})
    if "image/svg+xml" in data and told.get("lang") == lang:
        svg = data["image/svg+xml"]
        return [f"<figure>{svg if isinstance(svg, str) else ''.join(svg)}</figure>"]
    return [_table(data[MIME], lang)] if data.get(MIME) else []


def _table(found: Iterable[Mapping[str, Any]], lang: str) -> str:
    rows = list(found)
    cells = [
        (
            one.get(f"label_{lang}"),
            one.get(f"display_{lang}"),
            one.get(f"interval_{lang}"),
            one.get("n"),
            one.get(f"base_{lang}"),
            one.get(f"reason_{lang}"),
            one.get(f"remedy_{lang}"),
        )
        for one in rows
    ]
    used = [i for i in range(7) if any(c[i] not in (None, "") for c in cells)]
    number = dict.fromkeys((1, 2, 3), " class=number")
    head = "".join(f"<th{number.get(i, '')}>{_HEAD[lang][i]}</th>" for i in used)
    lines = []
    for one, row in zip(rows, cells, strict=True):
        kind = one.get("verdict") if one.get("verdict") in ("failed", "passed") else "plain"
        told = "".join(
            f"<td{' class=number' if i in (1, 2, 3) else ''}>"
            f"{html.escape('' if row[i] is None else str(row[i]))}</td>"
            for i in used
        )
        lines.append(f'<tr class="{kind}">{told}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
