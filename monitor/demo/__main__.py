"""``python -m monitor.demo``: runs the real commands on a bundled newsroom, from an empty directory to mail."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from monitor.demo.tour import Tour, TourFailed


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
        Tour(options.out).run(stay=options.stay)
    except TourFailed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
