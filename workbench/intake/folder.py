"""A study folder to begin with: every key explained, every decision left blank."""

from __future__ import annotations

from dataclasses import fields
from importlib import resources
from pathlib import Path

from workbench.errors import InputError, Problem
from workbench.study import Correction, Judgement, read_secret

__all__ = ["new_study"]


def new_study(folder: Path, programme: str) -> Path:
    """Write a commented study folder that ``check`` answers with the blanks to fill.

    Parameters
    ----------
    folder
        Where the study shall lie; it may exist if it is empty.
    programme
        One of the bundled programmes, or the path of a protocol of one's own (absolute or
        relative to ``folder``).

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        The folder holds something already, or there is no such programme.
    """
    from workbench import protocol

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            Problem(
                code="new.not-empty",
                file=folder.name,
                zh="文件夹已有内容，未写入",
                en="the folder holds something already; nothing was written",
                remedy_zh="给出新的文件夹名",
                remedy_en="give the name of a new folder",
            )
        )
    own = (folder / programme).resolve()
    # a word that is neither a programme nor a file is refused as it was written
    named = programme in protocol.PROGRAMMES or not own.exists()
    chosen = protocol.load(programme if named else own)
    measures = protocol.template(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    templates = resources.files("workbench.intake").joinpath("templates")
    for name in ("study.yaml", "codebook.yaml", "protocol.yaml"):
        text = templates.joinpath(name).read_text(encoding="utf-8")
        text = text.replace("{study}", _slug(folder.name)).replace("{programme}", programme)
        text = text.replace("{unit}", chosen.unit).replace("{slug}", chosen.programme)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    (folder / "measures.yaml").write_text(measures, encoding="utf-8", newline="\n")
    for name, kind in (("corrections.csv", Correction), ("judgements.csv", Judgement)):
        header = ",".join(field.name.rstrip("_") for field in fields(kind) if field.name != "row")
        (folder / name).write_text(header + "\n", encoding="utf-8", newline="\n")
    (folder / "data").mkdir()
    (folder / "expectations").mkdir()
    read_secret(folder)
    return folder


def _slug(name: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name.lower())
    return kept.strip("-_.")[:40] or "study"
