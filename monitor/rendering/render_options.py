"""Rules for both engines: when a rendered page is finished, and which consent dialogues to dismiss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.config.types import to_timedelta

if TYPE_CHECKING:
    from monitor.config.schema import CrawlSettings, Outlet

PROBE_INTERVAL_SECONDS = 0.1  # between two probes of the page
QUIET_SECONDS = 0.5  # without a change of the text: the page is written
STALL_SECONDS = 3.0  # without a response: the requests that remain are long polls
PART_TIMEOUT_SECONDS = 6.0  # for one script or style sheet of a page
ENOUGH_TEXT_CHARACTERS = 400  # a page with a story has as much text; with less it may take up to THIN_TEXT_SECONDS
THIN_TEXT_SECONDS = 4.0  # from the first probe
MAX_SETTLE_SECONDS = 10.0  # for the page to settle, from the first probe
MAX_CONSENT_CLICKS = 4  # a consent dialogue may have a second layer

# Buttons of the common consent platforms, refusal before consent.  Each selector is the platform's own id or class:
# matching the button's text could click through a story's own buttons.
CONSENT_BUTTONS = (
    "#onetrust-reject-all-handler",  # OneTrust
    "#onetrust-accept-btn-handler",
    "#CybotCookiebotDialogBodyButtonDecline",  # Cookiebot
    "#CybotCookiebotDialogBodyLevelButtonLevelOptinAllowAll",
    "#CybotCookiebotDialogBodyButtonAccept",
    "#didomi-notice-disagree-button",  # Didomi
    "#didomi-notice-agree-button",
    "#usercentrics-root >>> [data-testid=uc-deny-all-button]",  # Usercentrics
    "#usercentrics-root >>> [data-testid=uc-accept-all-button]",
    "#usercentrics-cmp-ui >>> button.deny",
    "#usercentrics-cmp-ui >>> button.accept",
    ".qc-cmp2-summary-buttons button[mode=primary]",  # Quantcast, InMobi
    "#truste-consent-required",  # TrustArc
    "#truste-consent-button",
    ".fc-cta-do-not-consent",  # Google Funding Choices
    ".fc-cta-consent",
    "button.sp_choice_type_13",  # Sourcepoint, in its own frame
    "button.sp_choice_type_11",
    ".osano-cm-denyAll",  # Osano
    ".osano-cm-accept-all",
    ".iubenda-cs-reject-btn",  # iubenda
    ".iubenda-cs-accept-btn",
    ".cky-btn-reject",  # CookieYes
    ".cky-btn-accept",
    ".cmplz-deny",  # Complianz
    ".cmplz-accept",
    ".klaro .cm-btn-decline",  # Klaro
    ".klaro .cm-btn-success",
    "#cmpbntnotxt",  # consentmanager
    "#cmpbntyestxt",
    "#cmpwelcomebtnyes a",
    "#axeptio_btn_dismiss",  # Axeptio
    "#axeptio_btn_acceptAll",
    "#BorlabsCookieBox [data-cookie-refuse]",  # Borlabs
    "#BorlabsCookieBox [data-cookie-accept-all]",
    ".t-declineButton",  # Termly
    ".t-acceptAllButton",
    "#tarteaucitronAllDenied2",  # tarteaucitron
    "#tarteaucitronPersonalize2",
    "#hs-eu-decline-button",  # HubSpot
    "#hs-eu-confirmation-button",
    ".cc-window .cc-deny",  # Cookie Consent by Osano, and its forks
    ".cc-window .cc-dismiss",
    ".cc-window .cc-allow",
    "#cookie-law-info-bar .cli_action_button",  # GDPR Cookie Consent for WordPress
    "#cookie_action_close_header",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderOptions:
    """How to render one page.  Times are in seconds, sizes in bytes."""

    timeout: float  # for loading and settling together
    max_size: int
    settle_limit: float = MAX_SETTLE_SECONDS  # for the page to settle, once it has loaded
    selector: str | None = None  # wait until an element matches
    idle: bool = False  # wait until no request is under way
    pause: float | None = None  # wait for this time
    consent: tuple[str, ...] = CONSENT_BUTTONS  # selectors of buttons to click

    @classmethod
    def for_outlet(cls, outlet: Outlet, crawl: CrawlSettings) -> RenderOptions:
        """Returns the outlet's options.  Its ``wait`` is ``idle``, a duration, or else a CSS selector."""
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
            timeout=timeout,
            max_size=crawl.max_size,
            settle_limit=min(timeout / 2, max(MAX_SETTLE_SECONDS, (pause or 0) + 1)),
            selector=None if idle else selector,
            idle=idle,
            pause=pause,
            consent=(*outlet.consent, *CONSENT_BUTTONS),
        )
