"""What a run says while it goes on: a bar on a terminal, lines elsewhere, events for schedulers."""

from __future__ import annotations

import json
import sys
import time
from typing import IO, Any

__all__ = ["Events", "Progress"]

_EVERY = 15.0  # seconds between two lines where there is no terminal


class Progress:
    """Says how far a stage is: done, withheld, failed, per hour, time left.

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
        self._counts = {"withheld": 0, "failed": 0}
        self._started = self._spoke = 0.0

    def say(self, zh: str, en: str) -> None:
        """Say one line."""
        if not self._quiet:
            print(zh if self._zh else en, file=self._stream, flush=True)

    def begin(self, zh: str, en: str, total: int) -> None:
        """Begin a stage of ``total`` units."""
        self._name = zh if self._zh else en
        self._done, self._total = 0, total
        self._counts = {"withheld": 0, "failed": 0}
        self._started = self._spoke = time.monotonic()
        if self._quiet or not total:
            return
        if self._stream.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0
            self._bar = tqdm(total=total, desc=self._name, file=self._stream, dynamic_ncols=True)
        else:
            self.say(f"{self._name}：0/{total}", f"{self._name}: 0/{total}")

    def step(self, unit: str, outcome: str = "done") -> None:
        """One unit is ``done``, ``withheld`` or ``failed``."""
        self._done += 1
        if outcome in self._counts:
            self._counts[outcome] += 1
        rate, left = self._pace()
        zh = self._trouble("不予评定", "失败") + f"，每小时{rate:.0f}"
        en = self._trouble("withheld", "failed") + f", {rate:.0f} per hour"
        if self._bar is not None:
            self._bar.set_postfix_str((zh if self._zh else en).lstrip("，, ") + f" {unit}")
            self._bar.update()
            return
        now = time.monotonic()
        if now - self._spoke >= _EVERY or self._done == self._total:
            self._spoke = now
            spent = now - self._started
            self.say(
                f"{self._name}：{self._done}/{self._total}{zh}，已用{spent:.0f}秒，约剩{left:.0f}秒",
                f"{self._name}: {self._done}/{self._total}{en}, {spent:.0f} s, {left:.0f} s left",
            )

    def _trouble(self, withheld: str, failed: str) -> str:
        comma = "，" if self._zh else ", "
        told = zip((withheld, failed), self._counts.values(), strict=True)
        return "".join(f"{comma}{word} {count}" for word, count in told if count)

    def _pace(self) -> tuple[float, float]:
        """Units per hour, and seconds left."""
        spent = max(time.monotonic() - self._started, 1e-9)
        return 3600 * self._done / spent, spent / self._done * (self._total - self._done)

    def end(self) -> None:
        """End the stage."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Events(Progress):
    """Says the same as one JSON object a line, for schedulers: ``event`` names its kind.

    ``say`` (zh, en); ``begin`` (stage, total); ``unit`` (stage, community, outcome, done, total,
    withheld, failed, per_hour, seconds_left); ``end`` (stage).
    """

    def __init__(self, *, stream: IO[str] | None = None) -> None:
        super().__init__(lang="en", stream=stream or sys.stdout)

    def tell(self, event: str, **facts: Any) -> None:
        """Say one event."""
        line = json.dumps({"event": event, **facts}, ensure_ascii=False)
        print(line, file=self._stream, flush=True)

    def say(self, zh: str, en: str) -> None:
        """Say one line."""
        self.tell("say", zh=zh, en=en)

    def begin(self, zh: str, en: str, total: int) -> None:
        """Begin a stage of ``total`` units."""
        self._name, self._done, self._total = en, 0, total
        self._counts = {"withheld": 0, "failed": 0}
        self._started = time.monotonic()
        self.tell("begin", stage=en, total=total)

    def step(self, unit: str, outcome: str = "done") -> None:
        """One unit is ``done``, ``withheld`` or ``failed``."""
        self._done += 1
        if outcome in self._counts:
            self._counts[outcome] += 1
        rate, left = self._pace()
        self.tell(
            "unit",
            stage=self._name,
            community=unit,
            outcome=outcome,
            done=self._done,
            total=self._total,
            **self._counts,
            per_hour=round(rate, 1),
            seconds_left=round(left, 1),
        )

    def end(self) -> None:
        """End the stage."""
        self.tell("end", stage=self._name)
