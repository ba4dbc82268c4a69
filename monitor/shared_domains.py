"""Domains below which different owners publish, and which the public suffix list does not name.

Hosts of blogs, newsletters and small sites: the site of ``https://alice.bearblog.dev/`` is ``alice.bearblog.dev``, and
``bob.bearblog.dev`` is another.  A domain that is missing here makes one site of all its blogs, until they are
configured as outlets: `monitor.discovery.publishers` then tells them apart.

The domain itself, its root, belongs to none of them, and may have pages of many: ``medium.com/@alice/a-story``.
"""

# ruff: noqa: SIM905  a long list is easier to read as text

from __future__ import annotations

import re
from urllib.parse import unquote

_BLOGSPOT_COUNTRY_ENDINGS = """
    ae al am ba be bg bj ca cf ch cl co.at co.id co.il co.ke co.nz co.uk co.za com.ar com.au com.br com.by com.co com.cy
    com.ee com.eg com.es com.mt com.ng com.tr com.uy cv cz de dk fi fr gr hk hr hu ie in is it jp kr li lt lu md mk mr
    mx my nl no pe pt qa re ro rs ru se sg si sk sn td tw ug vn
""".split()

SHARED_DOMAINS: tuple[str, ...] = (
    *"""
    altervista.org bandcamp.com bearblog.dev beehiiv.com blog.fc2.com blog.hu blog.jp blog.naver.com blogs.com
    blogs.sapo.pt bravesites.com buttondown.com buttondown.email canalblog.com centerblog.net dreamwidth.org
    e-monsite.com eklablog.com exblog.jp fireside.fm free.fr ghost.io hashnode.dev hateblo.jp hatenablog.com
    hatenablog.jp hatenadiary.com hatenadiary.jp home.blog jimdo.com jimdofree.com jimdosite.com
    journoportfolio.com jugem.jp libsyn.com livedoor.blog livejournal.com mataroa.blog medium.com micro.blog
    mozello.com mozellosite.com mystrikingly.com narod.ru neocities.org news.blog omeka.net over-blog.com
    over-blog.fr overblog.com pika.page pixnet.net podbean.com podigee.io posthaven.com proboards.com prose.sh
    seesaa.net silvrback.com simplecast.com site123.me sites.google.com skyrock.com soup.io squarespace.com
    steady.page substack.com svbtle.com tistory.com transistor.fm travel.blog tumblr.com typepad.com typepad.jp
    ucoz.com ucoz.net ucoz.org ucoz.ru ucoz.ua unblog.fr video.blog webflow.io webnode.at webnode.ch webnode.com
    webnode.com.br webnode.cz webnode.es webnode.fr webnode.hu webnode.it webnode.nl webnode.page webnode.pl
    webnode.pt webnode.sk webs.com weebly.com wixsite.com wordpress.com write.as writeas.com yolasite.com
    """.split(),
    "blogspot.com",
    *(f"blogspot.{ending}" for ending in _BLOGSPOT_COUNTRY_ENDINGS),
)

# Domains on whose root a handle names the subdomain of the same publisher: medium.com/@alice is alice.medium.com.
# Elsewhere they may have different owners: substack.com/@alice is a person, alice.substack.com a newsletter.
_HANDLE_DOMAINS = frozenset({"medium.com"})
_HANDLE_PATTERN = re.compile(r"/(?:feed/|users/)?([@~][^/]+)(?:/|$)", re.IGNORECASE)
_HOST_LABEL_PATTERN = re.compile(r"@([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)", re.IGNORECASE)
# Segments that name a kind of page and no publisher, in a path on a root.
_KIND_SEGMENTS = frozenset(
    """
    a amp blog blogs c channel feed home m media note notes p post posts profile pub publication s search site sites
    stories story tag tags topic topics u user users view
    """.split()
)


def handle_in_path(path: str) -> str:
    """Returns the handle that a path on the root of a shared domain begins with, as ``@alice``; "" without one."""
    match = _HANDLE_PATTERN.match(unquote(path))
    return match[1] if match else ""


def publisher_on_root(domain: str, path: str, query: str) -> str:
    """Returns a text that is equal for those pages on the root of a shared domain that surely have one publisher.

    That is the domain with the handle in the path, or with its segments up to the first one that may name a publisher.
    Without such a segment a page is like no other.  The root's front page has the domain alone.
    """
    if handle := handle_in_path(path):
        label = _HOST_LABEL_PATTERN.fullmatch(handle)
        return f"{label[1].lower()}.{domain}" if label and domain in _HANDLE_DOMAINS else f"{domain}/{handle}"
    segments = [segment for segment in path.split("/") if segment]
    for count, segment in enumerate(segments[:-1], 1):
        if segment.lower() not in _KIND_SEGMENTS:
            return "/".join((domain, *segments[:count]))
    return "/".join((domain, *segments)) + (f"?{query}" if query else "")
