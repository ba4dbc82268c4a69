"""Prepares the dictionaries of all languages; with FOLDER and LANGUAGE, converts one of them in this process.

python -m monitor.query.prepare_dictionaries [FOLDER LANGUAGE]
"""

from __future__ import annotations

import sys
from pathlib import Path

from monitor.query import dictionaries
from monitor.query.scripts import DICTIONARY_LANGUAGES


def main(arguments: list[str]) -> None:
    if arguments:
        folder, language = arguments
        dictionaries.write_trie(Path(folder), language)
    else:
        dictionaries.convert(DICTIONARY_LANGUAGES)


if __name__ == "__main__":
    main(sys.argv[1:])
