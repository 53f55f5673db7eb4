"""Archives that platforms hand out: one table inside, or a table with its list of codes."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, BinaryIO

from workbench.errors import Problem
from workbench.intake import xlsxfile
from workbench.intake.encoding import whole
from workbench.intake.frames import Log, refuse
from workbench.intake.readers import wenjuan
from workbench.intake.readers.delimited import records
from workbench.intake.readers.export import Grid, Reader

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["zipped"]

_DATA = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".sav", ".dta", ".json", ".parquet")


def zipped(
    stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem], *, inner: Reader
) -> Grid:
    """Give the table of an archive.

    Parameters
    ----------
    how
        ``sheet:`` names the member where there are several.
    inner
        Reads the member, whatever its form.

    Raises
    ------
    InputError
        See :func:`xlsxfile.guard`; a password, an archive in the archive, no table, or several
        and none declared.
    """
    file = how.file
    with xlsxfile.guard(whole(stream, file=file), file=file) as archive:
        members = {
            _name(info): info
            for info in archive.infolist()
            if not info.is_dir() and "__MACOSX" not in info.filename
        }
        if any(info.flag_bits & 1 for info in members.values()):
            raise refuse(
                "file.password",
                file,
                "压缩包有密码",
                "the archive is protected by a password",
                "解压后使用其中的文件",
                "unpack it and use the file in it",
            )

        def content(name: str) -> BinaryIO:
            try:
                return io.BytesIO(archive.read(members[name]))
            except xlsxfile.TORN as error:
                raise refuse(
                    "file.torn",
                    file,
                    f"压缩包已损坏（{error}）",
                    f"the archive is damaged ({error})",
                    "重新取得这个文件",
                    "fetch the file again",
                ) from None

        base = {name.rpartition("/")[2]: name for name in members}
        codes = base.get(wenjuan.CODES)
        tables = sorted(name for name in members if name.lower().endswith(_DATA) and name != codes)
        chosen = tables
        if how.sheet is not None:
            chosen = [n for n in tables if how.sheet in (n, n.rpartition("/")[2])]
        elif codes is not None and wenjuan.ANSWERS in base:
            chosen = [base[wenjuan.ANSWERS]]
        elif len(tables) > 1 and len(only := [n for n in tables if n.endswith(".csv")]) == 1:
            chosen = only  # coded answers beside SPSS syntax and cross-table codes
        if len(chosen) != 1:
            raise refuse(
                "file.member",
                file,
                "压缩包内没有数据表，或有多个而未声明用哪一个",
                "the archive holds no table, or several and none is declared",
                "用 sheet: 写明其中的文件名",
                "name the member with sheet:",
                expected=" | ".join(tables)[:200],
                found=how.sheet or f"{len(chosen)} files",
            )
        log.add(
            "intake.member",
            1,
            f"{file}：读取压缩包中的 {chosen[0]}；其余 {len(members) - 1} 个文件未作数据读取",
            f"{file}: {chosen[0]} of the archive is read; "
            f"{len(members) - 1} other members are not data",
        )
        plain = how.model_copy(update={"sheet": None})
        if codes is not None and chosen == [base.get(wenjuan.ANSWERS)]:
            grid = Grid(records(content(chosen[0]), plain, log, proved=True), plain)
            told = records(content(codes), plain, log, proved=True)
            return wenjuan.labelled(wenjuan.wenjuan(grid, plain, log, problems), told)
        return inner(content(chosen[0]), plain, log, problems)


def _name(info: zipfile.ZipInfo) -> str:
    """Give a member's name; without the UTF-8 flag, Chinese systems write it in GB18030."""
    if info.flag_bits & 0x800 or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename
