"""Runs programs for which file modes hold also if root starts them."""

from __future__ import annotations

import os
import shutil

from servers import missing

#: Takes from root the capability to write to any file.
_SETPRIV = ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override")


def obeying_file_modes(*command: str) -> list[str]:
    """Returns the command line that runs ``command`` as a user whom file modes bind."""
    if os.geteuid() != 0:
        return [*command]
    if shutil.which(_SETPRIV[0]) is None:
        missing("there is no setpriv: apt-get install util-linux")
    return [*_SETPRIV, *command]
