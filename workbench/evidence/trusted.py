"""What is believed when evidence is verified, and the time of judging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.evidence.attest import load_logs, named_logs
from workbench.evidence.chain import load_crls
from workbench.evidence.keys import load_roots
from workbench.evidence.verify_ledger import Clocks

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate, CertificateRevocationList

    from workbench.evidence.note import VerifierKey

__all__ = ["Trust", "load_trust"]


@dataclass(frozen=True)
class Trust:
    """What is believed, and the time of judging."""

    roots: list[Certificate]
    logs: list[VerifierKey]
    crls: list[CertificateRevocationList]
    heads: list[str]  # of logs, seen before
    strict: bool  # whether the logs believed were named by who verifies
    now: datetime
    renewals: tuple[tuple[bytes, bytes], ...] = ()

    def clocks(self) -> Clocks:
        """Return what judges time stamps."""
        return Clocks(self.roots, self.crls, self.now, self.renewals)

    def logs_of(self, bag: Path) -> list[VerifierKey]:
        """Return the logs to judge a bag by; where the verifier names none, the one signers name.

        The keys that are believed on this machine come first: a log of a known name is judged by
        them.
        """
        if self.strict:
            return self.logs
        known = {log.name for log in self.logs}
        return [*self.logs, *(x for x in named_logs(bag, self.roots) if x.name not in known)]


def load_trust(home: Path, trust: Path | None, now: datetime) -> Trust:
    """Read what is believed; see :func:`workbench.evidence.verify.verify`."""
    folder = trust if trust is not None and trust.is_dir() else home / "trust"
    heads = []
    for file in sorted(folder.glob("*.checkpoint")):
        try:
            heads.append(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
    return Trust(
        load_roots(home, trust),
        load_logs(home, trust),
        load_crls([home / "trust", home / "keys" / "demo", *([trust] if trust else [])]),
        heads,
        trust is not None and trust.is_dir() and any(trust.glob("*.vkey")),
        now,
    )
