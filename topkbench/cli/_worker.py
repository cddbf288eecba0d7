"""`python -m topkbench.cli._worker`: the command line, for a worker that must not outlive the process that started it.

Its stdin is a pipe of which that process holds the other end, and writes nothing (`topkbench.sweep.executors.local`).
The pipe's end is Ctrl-C to the worker: it saves its runs as interrupted, and ends with 130.
"""

import os
import signal
import threading
import time

from topkbench.cli import main
from topkbench.errors import INTERRUPTED

_GRACE = 20.0  # seconds to end in


def _end_with_stdin() -> None:
    os.read(0, 1)
    if main_thread := threading.main_thread().ident:
        signal.pthread_kill(main_thread, signal.SIGINT)  # which wakes it, whatever it waits for
    time.sleep(_GRACE)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in a shell's background is deaf to it
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    main()
