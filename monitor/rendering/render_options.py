"""Rules for Splash and Chromium: when a rendered page is finished, and which consent buttons are clicked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.config.types import to_timedelta

if TYPE_CHECKING:
    from monitor.config.schema import CrawlSettings, Outlet

PROBE_INTERVAL_SECONDS = 0.1  # between two runs of page_probe.js
QUIET_SECONDS = 0.5  # if the text does not change for this time, the page counts as written
STALL_SECONDS = 3.0  # if no response arrives for this time, the remaining requests are ignored as long polls
SUBRESOURCE_TIMEOUT_SECONDS = 6.0  # for loading one script or style sheet of a page, in Splash
ENOUGH_TEXT_CHARACTERS = 400  # a page with less text is probed for at least THIN_TEXT_WAIT_SECONDS
THIN_TEXT_WAIT_SECONDS = 4.0  # since the first probe, for a page with less than ENOUGH_TEXT_CHARACTERS
MAX_SETTLE_SECONDS = 10.0  # since the first probe; then the page is used as it is
MAX_CONSENT_CLICKS = 4  # on one page; a consent dialogue may open a second one

# CSS selectors for the buttons of common consent platforms, refusing before accepting ones.  They contain only the
# platforms' own ids and classes: a match by the button's text could click a button of the story.
CONSENT_BUTTON_SELECTORS = (
    "#onetrust-reject-all-handler",  # OneTrust: reject
    "#onetrust-accept-btn-handler",  # OneTrust: accept
    "#CybotCookiebotDialogBodyButtonDecline",  # Cookiebot: reject
    "#CybotCookiebotDialogBodyLevelButtonLevelOptinAllowAll",  # Cookiebot: accept
    "#CybotCookiebotDialogBodyButtonAccept",  # Cookiebot, older layout: accept
    "#didomi-notice-disagree-button",  # Didomi: reject
    "#didomi-notice-agree-button",  # Didomi: accept
    "#usercentrics-root >>> [data-testid=uc-deny-all-button]",  # Usercentrics: reject
    "#usercentrics-root >>> [data-testid=uc-accept-all-button]",  # Usercentrics: accept
    "#usercentrics-cmp-ui >>> button.deny",  # Usercentrics, newer version: reject
    "#usercentrics-cmp-ui >>> button.accept",  # Usercentrics, newer version: accept
    ".qc-cmp2-summary-buttons button[mode=primary]",  # Quantcast, InMobi: accept
    "#truste-consent-required",  # TrustArc: required cookies only
    "#truste-consent-button",  # TrustArc: accept
    ".fc-cta-do-not-consent",  # Google Funding Choices: reject
    ".fc-cta-consent",  # Google Funding Choices: accept
    "button.sp_choice_type_13",  # Sourcepoint, inside an iframe: reject
    "button.sp_choice_type_11",  # Sourcepoint, inside an iframe: accept
    ".osano-cm-denyAll",  # Osano: reject
    ".osano-cm-accept-all",  # Osano: accept
    ".iubenda-cs-reject-btn",  # iubenda: reject
    ".iubenda-cs-accept-btn",  # iubenda: accept
    ".cky-btn-reject",  # CookieYes: reject
    ".cky-btn-accept",  # CookieYes: accept
    ".cmplz-deny",  # Complianz: reject
    ".cmplz-accept",  # Complianz: accept
    ".klaro .cm-btn-decline",  # Klaro: reject
    ".klaro .cm-btn-success",  # Klaro: accept
    "#cmpbntnotxt",  # consentmanager: reject
    "#cmpbntyestxt",  # consentmanager: accept
    "#cmpwelcomebtnyes a",  # consentmanager: accept
    "#axeptio_btn_dismiss",  # Axeptio: reject
    "#axeptio_btn_acceptAll",  # Axeptio: accept
    "#BorlabsCookieBox [data-cookie-refuse]",  # Borlabs: reject
    "#BorlabsCookieBox [data-cookie-accept-all]",  # Borlabs: accept
    ".t-declineButton",  # Termly: reject
    ".t-acceptAllButton",  # Termly: accept
    "#tarteaucitronAllDenied2",  # tarteaucitron: reject
    "#tarteaucitronPersonalize2",  # tarteaucitron: accept
    "#hs-eu-decline-button",  # HubSpot: reject
    "#hs-eu-confirmation-button",  # HubSpot: accept
    ".cc-window .cc-deny",  # Cookie Consent by Osano and its forks: reject
    ".cc-window .cc-dismiss",  # Cookie Consent by Osano and its forks: close
    ".cc-window .cc-allow",  # Cookie Consent by Osano and its forks: accept
    "#cookie-law-info-bar .cli_action_button",  # GDPR Cookie Consent for WordPress: accept
    "#cookie_action_close_header",  # GDPR Cookie Consent for WordPress: accept
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderOptions:
    """How to render one page, and when the page counts as finished."""

    timeout_seconds: float  # for loading the page and waiting until it is finished
    max_size: int  # of the page's HTML, in bytes
    settle_limit_seconds: float = MAX_SETTLE_SECONDS  # to wait after loading until the page is finished
    awaited_selector: str | None = None  # CSS selector; the page is finished when an element matches
    waits_for_idle: bool = False  # the page is finished when no request is under way
    pause_seconds: float | None = None  # the page is finished after this time
    consent_selectors: tuple[str, ...] = CONSENT_BUTTON_SELECTORS  # CSS selectors of consent buttons to click

    @classmethod
    def for_outlet(cls, outlet: Outlet, crawl: CrawlSettings) -> RenderOptions:
        """Returns an outlet's options; ``outlet.wait`` is ``idle``, a duration, a CSS selector or None."""
        timeout = crawl.timeout.total_seconds()
        selector, pause = outlet.wait, None
        if outlet.wait:
            try:
                pause = min(to_timedelta(outlet.wait).total_seconds(), timeout / 2)
            except ValueError:
                pass
            else:
                selector = None
        idle = outlet.wait == "idle"
        return cls(
            timeout_seconds=timeout,
            max_size=crawl.max_size,
            settle_limit_seconds=min(timeout / 2, max(MAX_SETTLE_SECONDS, (pause or 0) + 1)),
            awaited_selector=None if idle else selector,
            waits_for_idle=idle,
            pause_seconds=pause,
            consent_selectors=(*outlet.consent, *CONSENT_BUTTON_SELECTORS),
        )
