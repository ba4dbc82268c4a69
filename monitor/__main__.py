"""``python -m monitor`` is ``media-monitor``."""

from monitor.cli import main

if __name__ == "__main__":
    main()
