"""Domains of trackers, advertising and video players.  They contain no stories, so rendered pages may not load them."""

from __future__ import annotations

_TRACKER_DOMAINS = frozenset(
    """
    2mdn.net 33across.com 3lift.com a-mo.net ad.gt adform.net adfox.ru adkernel.com adlightning.com admixer.net
    adnxs.com adroll.com ads-twitter.com adsafeprotected.com adservice.google.com adsrvr.org adsystem.com
    advertising.com agkn.com amazon-adsystem.com amplitude.com an.yandex.ru analytics.google.com
    analytics.tiktok.com analytics.twitter.com app-measurement.com appsflyer.com atdmt.com bat.bing.com
    betweendigital.com bidswitch.net bizible.com bluekai.com bombora.com bounceexchange.com branch.io
    casalemedia.com chartbeat.com chartbeat.net clarity.ms clickcease.com clicktale.net cnzz.com comscore.com
    connatix.com connect.facebook.net contextweb.com counter.yadro.ru cpx.to crazyegg.com criteo.com criteo.net
    crwdcntrl.net demdex.net doubleclick.net doubleverify.com dotmetrics.net dynatrace.com effectivemeasure.net
    emxdgt.com everesttech.net exelator.com exoclick.com eyeota.net fullstory.com gemius.pl go-mpulse.net
    google-analytics.com googleadservices.com googlesyndication.com googletagmanager.com googletagservices.com
    gumgum.com heapanalytics.com hm.baidu.com hotjar.com hotjar.io hs-analytics.net id5-sync.com imrworldwide.com
    indexww.com inspectlet.com intercom.io ioam.de jwpltx.com keywee.co krxd.net lijit.com liveintent.com
    liveramp.com lotame.com mathtag.com matomo.cloud mc.yandex.ru media.net mgid.com mixpanel.com mookie1.com
    mouseflow.com moatads.com mxpnl.com newrelic.com nr-data.net nativo.com omtrdc.net onaudience.com onesignal.com
    openx.net optimizely.com outbrain.com parsely.com permutive.com permutive.app piano.io pingdom.net
    pixel.facebook.com plausible.io pubmatic.com pushwoosh.com px.ads.linkedin.com quantcount.com quantserve.com
    revcontent.com richaudience.com rlcdn.com rubiconproject.com sail-horizon.com scdn.cxense.com
    cxense.com scorecardresearch.com segment.com segment.io sentry.io serving-sys.com sharethis.com sharethrough.com
    simpli.fi skimresources.com smaato.net smartadserver.com snap.licdn.com snapchat.com sonobi.com spotx.tv
    spotxchange.com statcounter.com stats.wp.com stickyadstv.com taboola.com tapad.com teads.tv tiqcdn.com
    tns-counter.ru top-fwz1.mail.ru tradedoubler.com treasuredata.com tremorhub.com triplelift.com truoptik.com tynt.com
    umeng.com undertone.com unrulymedia.com vidoomy.com visualwebsiteoptimizer.com weborama.fr webtrends.com
    yieldlab.net yieldmo.com yieldlove.com zemanta.com zergnet.com zqtk.net
    """.split()  # noqa: SIM905  a long word list is easier to read as text
)


def is_tracker(host: str) -> bool:
    """Returns True if the host is a domain in `_TRACKER_DOMAINS` or a subdomain of one."""
    labels = host.lower().rstrip(".").split(".")
    return any(".".join(labels[start:]) in _TRACKER_DOMAINS for start in range(len(labels)))
