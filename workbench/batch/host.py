"""The process that does a cluster's shards on one host, until its standard input closes.

``python -m workbench.batch.host JOBS KERNELS`` reads orders from standard input, does each with
worker processes and a fork server of its own, and writes the answers to standard output.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import IO, Any

__all__ = ["receive", "send", "serve"]


def send(stream: IO[bytes], value: Any) -> None:
    """Write one value: eight bytes of length, then itself."""
    data = pickle.dumps(value)
    stream.write(len(data).to_bytes(8, "big") + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one value.

    Raises
    ------
    EOFError
        When the other end is gone.
    """
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    data = stream.read(int.from_bytes(head, "big"))
    return pickle.loads(data)  # noqa: S301  (our own process writes it)


def serve(jobs: int, kernels: str) -> None:
    """Do orders until there are no more."""
    import signal

    from workbench.batch.forkserver import kernels_of
    from workbench.batch.workers import Local

    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not garble the answers
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)  # workers do not hold the input open
    _end_with_input(orders.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with kernels_of(kernels) as (environment, in_child):
        workers = Local(jobs, environment, in_child)
        while True:
            try:
                shard, seconds = receive(orders)
            except EOFError:
                return
            told = {task.name: answer for task, answer in workers.run(shard, seconds=seconds)}
            send(answers, [told[task.name] for task in shard])


def _end_with_input(number: int) -> None:
    """End this process and its group when the other end of its input goes, in the middle too."""
    import select
    import signal
    import threading

    def watch() -> None:
        poll = select.poll()
        poll.register(number, select.POLLHUP)
        poll.poll()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
