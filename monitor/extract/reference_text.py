"""Asks trafilatura for the story's text, by which `body` chooses among the blocks of a page."""

from __future__ import annotations

import logging
from copy import deepcopy
from typing import TYPE_CHECKING

from trafilatura import bare_extraction

from monitor.extract.blocks import total_weight
from monitor.extract.body import node_weights
from monitor.extract.regions import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.html import HtmlElement

    from monitor.extract.blocks import Block, Layout

MAX_ELEMENTS = 25_000  # on larger pages trafilatura is not used: its time grows faster than the page
MAX_DEPTH = 240  # nesting of elements up to which trafilatura is used, for the same reason
# Boxes that trafilatura does not get: it would spend half of its time there.
BOX_REGIONS = (
    Region.NAV
    | Region.FOOTER
    | Region.RELATED
    | Region.PROMO
    | Region.COMMENTS
    | Region.FORM
    | Region.CONSENT
    | Region.TAGS
    | Region.ASIDE
)
MAX_BOX_WEIGHT = 200  # of running text; a box with more may be the story, whatever its class says
MIN_TEXT_CHARACTERS = 250  # a shorter text, or one with less than half of the text that markup finds, may be no story
MIN_SHARE_OF_MARKUP_TEXT = 0.5
_BOX_MARK = "data-media-monitor-box"  # attribute that marks the boxes while the page is copied

# trafilatura logs errors for each bad page, which the result states too.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def find_reference_text(root: HtmlElement, layout: Layout, url: str, markup_blocks: Sequence[Block]) -> str:
    """Returns the text that trafilatura finds; "" if there is none, or if the page is too large for trafilatura.

    It gets the page without its boxes, and the whole page if it then finds little.  ``markup_blocks`` are the blocks
    that markup shows to be the story.
    """
    if layout.is_truncated or layout.element_count > MAX_ELEMENTS or layout.max_depth > MAX_DEPTH:
        return ""
    text = _text_found_by_trafilatura(_copy_without_boxes(root, layout), url)
    if len(text) < max(MIN_TEXT_CHARACTERS, MIN_SHARE_OF_MARKUP_TEXT * total_weight(markup_blocks)):
        return _text_found_by_trafilatura(root, url)
    return text


def _text_found_by_trafilatura(root: HtmlElement, url: str) -> str:
    document = bare_extraction(root, url=url, fast=True, include_comments=False)
    return getattr(document, "text", None) or ""


def _copy_without_boxes(root: HtmlElement, layout: Layout) -> HtmlElement:
    """Returns a copy of the page without the elements that are marked as one of `BOX_REGIONS` and hold little text."""
    weights = node_weights(layout, [block.weight for block in layout.blocks])
    boxes = [
        node.element
        for node, weight in zip(layout.nodes, weights, strict=True)
        if node.own_regions & BOX_REGIONS and weight <= MAX_BOX_WEIGHT and node.element.getparent() is not None
    ]
    for element in boxes:
        element.set(_BOX_MARK, "")
    copy = deepcopy(root)
    for element in boxes:
        del element.attrib[_BOX_MARK]
    for element in copy.xpath(f"//*[@{_BOX_MARK}]"):
        element.drop_tree()
    return copy
