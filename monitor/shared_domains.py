"""Domains below which different owners publish, and which the public suffix list does not name.

Hosts of blogs, newsletters and small sites: the site of ``https://alice.bearblog.dev/`` is ``alice.bearblog.dev``, and
``bob.bearblog.dev`` is another.  A domain that is missing here makes one site of all its blogs, until they are
configured as outlets: `monitor.discovery.publishers` then tells them apart.
"""

# ruff: noqa: SIM905  a long list is easier to read as text

from __future__ import annotations

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
    hatenablog.jp hatenadiary.com hatenadiary.jp home.blog hubpages.com jimdo.com jimdofree.com jimdosite.com
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
