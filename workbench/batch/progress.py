"""What a run says while it goes on: a bar with time left on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import IO, Any

__all__ = ["Progress"]

_EVERY = 15.0  # seconds between two lines where there is no terminal


class Progress:
    """Says how far a stage is.

    Parameters
    ----------
    lang
        ``zh`` or ``en``.
    stream
        Where to; standard error by default.
    quiet
        Say nothing.
    """

    def __init__(
        self, *, lang: str = "zh", stream: IO[str] | None = None, quiet: bool = False
    ) -> None:
        self._zh = lang == "zh"
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._bar: Any = None
        self._name = ""
        self._done = self._total = 0
        self._started = self._spoke = 0.0

    def say(self, zh: str, en: str) -> None:
        """Say one line."""
        if not self._quiet:
            print(zh if self._zh else en, file=self._stream, flush=True)

    def begin(self, zh: str, en: str, total: int) -> None:
        """Begin a stage of ``total`` units."""
        self._name = zh if self._zh else en
        self._done, self._total = 0, total
        self._started = self._spoke = time.monotonic()
        if self._quiet or not total:
            return
        if self._stream.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0
            self._bar = tqdm(total=total, desc=self._name, file=self._stream, dynamic_ncols=True)
        else:
            self.say(f"{self._name}：0/{total}", f"{self._name}: 0/{total}")

    def step(self, unit: str) -> None:
        """One unit is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(unit)
            self._bar.update()
            return
        now = time.monotonic()
        if now - self._spoke >= _EVERY or self._done == self._total:
            self._spoke = now
            spent = now - self._started
            left = spent / self._done * (self._total - self._done)
            self.say(
                f"{self._name}：{self._done}/{self._total}，已用{spent:.0f}秒，约剩{left:.0f}秒",
                f"{self._name}: {self._done}/{self._total}, {spent:.0f} s, {left:.0f} s left",
            )

    def end(self) -> None:
        """End the stage."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
