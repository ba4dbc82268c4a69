"""``python -m monitor.demo``: runs media-monitor's commands on invented outlets, all on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from monitor.demo.tour import DemoTour, TourFailed


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m monitor.demo",
        description="Runs media-monitor on a newsroom of nine outlets and a mail server, all on this machine.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-out"), help="directory for its files (default: demo-out)"
    )
    parser.add_argument("--stay", action="store_true", help="keep newsroom and mail server open until Ctrl-C")
    options = parser.parse_args()
    try:
        DemoTour(options.out).run(stay=options.stay)
    except TourFailed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
