"""Rows that do not fit into memory: tables put aside in order, and frames sorted by unit.

What is put aside lies in memory while it is small, beyond that in a nameless file of the temporary
folder, which is gone with the process whatever happens to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import Any
from weakref import finalize

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["BLOCK", "Frames", "Shelf", "Stack", "dtype_of", "frame_of", "repeated", "table_of"]

BLOCK = 50_000
"""Rows that are worked on at once; the rows of one unit stay together."""

PIECE = 4096
"""Rows that are put aside together: what is read for one unit is a few of them."""

AT = "_at"
"""Column for the place of a row on its stack."""

_IN_MEMORY = 16 << 20


class Shelf:
    """Arrow tables put aside one after another and taken back one by one."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - lives as long as self
        finalize(self, self._file.close)
        self._places: list[tuple[int, int]] = []
        self.rows: list[int] = []
        """Rows of each table."""

    def add(self, table: pa.Table) -> None:
        """Put one table aside."""
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=True)
        with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
            writer.write_table(table)
        data = sink.getvalue()
        self._file.seek(0, 2)
        self._places.append((self._file.tell(), len(data)))
        self._file.write(data)
        self.rows.append(table.num_rows)

    def take(self, n: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Give the ``n``-th table, whole or some of its columns in the order of the table."""
        start, length = self._places[n]
        self._file.seek(start)
        data = pa.py_buffer(self._file.read(length))
        options = pa.ipc.IpcReadOptions(use_threads=False)
        if columns is not None:
            names = pa.ipc.read_schema(data).names
            options.included_fields = [k for k, name in enumerate(names) if name in set(columns)]
        return pa.ipc.open_stream(data, options=options).read_all()

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[pa.Table]:
        return (self.take(n) for n in range(len(self)))


def dtype_of(kind: pa.DataType) -> Any:
    """Give the type that a column of this Arrow type has in a frame."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return pd.StringDtype(na_value=float("nan"))
    if pa.types.is_integer(kind):
        return pd.Int64Dtype()
    return pd.BooleanDtype() if pa.types.is_boolean(kind) else None


def table_of(frame: pd.DataFrame) -> pa.Table:
    """Give a frame as an Arrow table, without its index."""
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Give an Arrow table as a frame of the types that canonical tables have."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=dtype_of)
    return frame


class Stack:
    """The rows of one table as its sources give them, and sorted by unit when all are there.

    Parameters
    ----------
    unit
        The column that names the unit; empty for a table that is none's, which is one block.
    """

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.types: dict[str, Any] = {}
        """Columns in the order in which they came, with their types."""
        self._shelf = Shelf()
        self._units: list[tuple[str, str]] = []
        self._count: Counter[str] = Counter()

    def add(self, frame: pd.DataFrame) -> None:
        """Put rows on the stack; a column that other rows lack is missing there."""
        if frame.empty:
            return
        for name, kind in frame.dtypes.items():
            self.types.setdefault(str(name), kind)
        if self.unit in frame:
            frame = frame.sort_values(self.unit, kind="stable", na_position="first")
            names = frame[self.unit].fillna("")
        else:  # a table of no unit, or a source in which no column names it
            names = pd.Series("", frame.index)
        self._count.update(Counter(names.tolist()))
        table = table_of(frame)
        for first in range(0, len(frame), PIECE):
            last = min(first + PIECE, len(frame)) - 1
            self._units.append((str(names.iloc[first]), str(names.iloc[last])))
            self._shelf.add(table.slice(first, PIECE))

    def __len__(self) -> int:
        return sum(self._shelf.rows)

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Give the rows as they came, sorted by unit within what was added at once."""
        for n in range(len(self._shelf)):
            frame = frame_of(self._complete(self._shelf.take(n, columns)))
            yield frame if columns is None else frame[list(columns)]

    def whole(self, of: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
        """Give what ``of`` takes of all rows at once, in the order of their files.

        ``of`` keeps every row with its file and row; the column ``AT`` is added, its place on the
        stack.
        """
        frame = pd.concat((of(piece) for piece in self.pieces()), ignore_index=True)
        order = pd.DataFrame({"file": pd.factorize(frame["_file"])[0], "row": frame["_row"]})
        rows = order.sort_values(["file", "row"], kind="stable").index
        return frame.loc[rows].rename_axis(AT).reset_index()

    def kept(self, rows: pd.DataFrame, column: str = "") -> Stack:
        """Give a stack of some rows, named by their ``AT``, with a column of theirs laid over."""
        stack = Stack(self.unit)
        stack.types |= self.types
        rows = rows.set_index(AT)
        begin = 0
        for piece in self.pieces():
            piece.index = pd.RangeIndex(begin, begin + len(piece))
            begin += len(piece)
            piece = piece[piece.index.isin(rows.index)]
            if column:
                piece = piece.assign(**{column: rows.loc[piece.index, column]})
            stack.add(piece)
        return stack

    def blocks(self, by: Sequence[str], rows: int | None = None) -> Iterator[pa.Table]:
        """Give all rows sorted, the rows of one unit together, about ``rows`` at once.

        Parameters
        ----------
        by
            Columns to sort by, the unit before all others; missing comes first.
        """
        rows = rows or BLOCK
        group: list[str] = []
        size = 0
        for unit in sorted(self._count):
            if group and size + self._count[unit] > rows:
                yield self._complete(self._between(group[0], group[-1], by))
                group, size = [], 0
            group.append(unit)
            size += self._count[unit]
        if group:
            yield self._complete(self._between(group[0], group[-1], by))
        elif not self._count:
            yield table_of(pd.DataFrame({n: pd.Series(dtype=t) for n, t in self.types.items()}))

    def _complete(self, table: pa.Table) -> pa.Table:
        for name, kind in self.types.items():
            if name not in table.column_names:
                column = pd.Series(None, index=range(table.num_rows), dtype=kind)
                table = table.append_column(name, pa.array(column, from_pandas=True))
        return table

    def _between(self, low: str, high: str, by: Sequence[str]) -> pa.Table:
        parts = []
        for n, (first, last) in enumerate(self._units):
            if first <= high and low <= last:
                part = self._shelf.take(n)
                if self.unit and (first < low or last > high):
                    names = pc.fill_null(part[self.unit], "")
                    inside = pc.and_(pc.greater_equal(names, low), pc.less_equal(names, high))
                    part = part.filter(inside)
                parts.append(part)
        whole = pa.concat_tables(parts, promote_options="permissive")
        keys = frame_of(whole.select([name for name in by if name in whole.column_names]))
        names = [str(name) for name in keys]
        order = keys.sort_values(names, kind="stable", na_position="first").index.to_numpy()
        return whole.take(order)


class Frames(Mapping[str, pd.DataFrame]):
    """The canonical tables by name, in their final order.

    ``frames[name]`` is the whole table in memory; :meth:`blocks` gives a large one in parts.
    """

    def __init__(self) -> None:
        self._shelves: dict[str, Shelf] = {}
        self._types: dict[str, dict[str, Any]] = {}
        self._whole: dict[str, pd.DataFrame] = {}

    def put(self, name: str, blocks: Iterable[pa.Table]) -> None:
        """Enter a table from its blocks, in order and alike in columns; one at least."""
        shelf = Shelf()
        types: dict[str, Any] = {}
        for block in blocks:
            types = {field.name: dtype_of(field.type) or "float64" for field in block.schema}
            shelf.add(block.combine_chunks())
        self._shelves[name], self._types[name] = shelf, types
        self._whole.pop(name, None)

    def rows(self, name: str) -> int:
        """Give the number of rows of a table."""
        return sum(self._shelves[name].rows)

    def columns(self, name: str) -> list[str]:
        """Name the columns of a table."""
        return list(self._types[name])

    def blocks(self, name: str, columns: Iterable[str] | None = None) -> Iterator[pd.DataFrame]:
        """Give a table, or some of its columns, in parts; their index counts on."""
        types = self._types[name]
        wanted = set(types if columns is None else columns)
        kept = [column for column in types if column in wanted]
        begin = 0
        shelf = self._shelves[name]
        for n in range(len(shelf)):
            frame = frame_of(shelf.take(n, kept)).astype({c: types[c] for c in kept})
            frame.index = pd.RangeIndex(begin, begin + len(frame))
            begin += len(frame)
            yield frame

    def some(self, name: str, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """Give some columns of all rows."""
        types = self._types[name]
        wanted = set(types if columns is None else columns)
        parts = list(self.blocks(name, wanted))
        if parts:
            return pd.concat(parts)
        return pd.DataFrame({c: pd.Series(dtype=t) for c, t in types.items() if c in wanted})

    def only(self, names: Iterable[str]) -> Frames:
        """Give the tables with these names."""
        out = Frames()
        for name in self._shelves:
            if name in set(names):
                out._shelves[name], out._types[name] = self._shelves[name], self._types[name]
        return out

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._whole:
            frame = self.some(name)
            if len(frame) > BLOCK:
                return frame
            self._whole[name] = frame
        return self._whole[name]

    def __contains__(self, name: object) -> bool:
        return name in self._shelves  # that of a mapping would read the table

    def __iter__(self) -> Iterator[str]:
        return iter(self._shelves)

    def __len__(self) -> int:
        return len(self._shelves)


def repeated(frames: Frames, name: str, key: Sequence[str], given: str = "") -> pd.DataFrame:
    """Give the rows of a table whose ``key`` may stand more than once, key and place alone.

    Digests of 64 bits are compared, so that no more than eight bytes of each row are held: of
    10⁷ different keys, two have one digest with a chance of 3 in a million.

    Parameters
    ----------
    given
        A column of the key that must not be missing.
    """
    columns = [*key, *(c for c in ("community", "_file", "_row") if c in frames.columns(name))]

    def blocks(wanted: Sequence[str]) -> Iterator[pd.DataFrame]:
        for block in frames.blocks(name, wanted):
            yield block[block[given].notna()] if given else block

    digests = [
        pd.util.hash_pandas_object(block[list(key)], index=False).to_numpy()
        for block in blocks(key)
    ]
    every = np.sort(np.concatenate(digests))
    twice = np.unique(every[1:][every[1:] == every[:-1]])
    parts = [
        block[np.isin(own, twice)] for own, block in zip(digests, blocks(columns), strict=True)
    ]
    return pd.concat(parts)
