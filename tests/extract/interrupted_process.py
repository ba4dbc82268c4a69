"""A process that prints "starting", starts extraction workers, and exits with status 130 at an interrupt."""

from __future__ import annotations

import signal
import sys
import threading

from monitor.extract import Extractor

if __name__ == "__main__":
    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    extractor = Extractor(2)
    print("starting", flush=True)
    extractor.start()
    interrupted.wait(60)
    extractor.close()
    sys.exit(130)
