"""Compares names of outlets by how they look, so that no page takes a name that readers mistake for another."""

from __future__ import annotations

import unicodedata

# Letters of lower-cased names that look, in lower or upper case, like the Latin ones beside them.
_LOOKALIKES = {
    ord(letter): latin
    for letters, latins in (
        ("авсԁеёԍһніїјкӏмпорԛгѕтуүѵԝх", "abcdeëghhiïjkimnopqrstyyvwx"),  # Cyrillic
        ("αβεζηικμνορτυχω", "abezhikmnoptyxw"),  # Greek
        ("ıɡɑl1|0", "igaiiio"),
    )
    for letter, latin in zip(letters, latins, strict=True)
}


def name_skeleton(name: str) -> str:
    """Returns equal texts for names that look alike: in any case, with other blanks, invisible or foreign letters.

    Not for display.  The letters of other scripts that look like no Latin one stay.
    """
    visible = "".join(sign for sign in unicodedata.normalize("NFKC", name) if not _is_invisible(sign))
    # Again, as a letter and its accent may have been apart.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return " ".join(text.translate(_LOOKALIKES).split())


def _is_invisible(sign: str) -> bool:
    """Returns True for a format character, a control character, a variation selector or a filler letter."""
    if sign.isspace():
        return False
    return unicodedata.category(sign) in {"Cf", "Cc", "Cn", "Co"} or (
        sign in "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" or "\ufe00" <= sign <= "\ufe0f"
    )
