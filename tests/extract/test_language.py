"""The language is detected from the text."""

from __future__ import annotations

import pytest

from monitor.extract import language

UKRAINIAN = (
    "Міністерство цифрової трансформації повідомило у вівторок, що уряд виділить кошти на розвиток штучного інтелекту, "
    "а дослідники з кількох університетів працюватимуть разом із підприємствами над мовними моделями."
)
BULGARIAN = (
    "Министърът на иновациите съобщи във вторник, че правителството ще отдели средства за развитие на изкуствения "
    "интелект, а учените от няколко университета ще работят заедно с предприятията по езикови модели."
)
PERSIAN = (
    "وزیر ارتباطات روز سه‌شنبه اعلام کرد که دولت برای توسعه هوش مصنوعی بودجه‌ای در نظر گرفته است و پژوهشگران چند "
    "دانشگاه با شرکت‌ها روی مدل‌های زبانی کار خواهند کرد."
)
SERBIAN = (
    "Министарство науке саопштило је у уторак да ће влада издвојити средства за развој вештачке интелигенције, а да ће "
    "истраживачи са неколико универзитета радити заједно са предузећима на језичким моделима."
)


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [(UKRAINIAN, "ru", "uk"), (BULGARIAN, "ru", "bg"), (PERSIAN, "ar", "fa"), (SERBIAN, "en", "sr")],
)
def test_a_text_of_certain_language_overrides_the_markup(text: str, hint: str, expected: str) -> None:
    assert language.detect_language(text, hint) == expected


def test_the_markup_decides_the_language_of_a_short_text() -> None:
    assert language.detect_language("Министр", "uk") == "uk"
