"""Phrases that publishers write around their stories are recognized."""

from __future__ import annotations

import pytest

from monitor.extract import phrases


@pytest.mark.parametrize("text", ["ilgili haber", "İlgili haberler", "İlgili Haberler:", "İlgili konular", "Read also"])
def test_labels_of_related_stories_are_recognized(text: str) -> None:
    assert phrases.is_related_label(text)


@pytest.mark.parametrize("text", ["ilgili habercilik ödülleri", "More investment is needed"])
def test_a_longer_word_is_no_label_of_related_stories(text: str) -> None:
    assert not phrases.is_related_label(text)
