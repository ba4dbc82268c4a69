"""When a rendered page is finished, and what is dismissed on the way: one plan for both engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.config.types import duration

if TYPE_CHECKING:
    from monitor.config.schema import CrawlSettings, Outlet

PROBE_INTERVAL_SECONDS = 0.1  # seconds between two looks
QUIET_SECONDS = 0.5  # seconds without a change of the text: it is written
STALL_SECONDS = 3.0  # seconds without any answer: what is still under way is a long poll
PART_TIMEOUT = 6.0  # seconds for a script or a style of a page
ENOUGH_TEXT_CHARACTERS = 400  # characters of text a page with a story has; with fewer we wait longer, up to
THIN_TEXT_SECONDS = 4.0  # seconds
MAX_SETTLE_SECONDS = 10.0  # seconds for all waiting, once the page has come
MAX_CONSENT_CLICKS = 4  # consent dialogues have a second layer at times

# The usual platforms' buttons, refusal before consent.  Each is the platform's own id or class, never a word:
# a word would click through a story's own buttons.
PLATFORMS = (
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
    "button.sp_choice_type_13",  # Sourcepoint, inside its frame
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
    ".cc-window .cc-deny",  # Cookie Consent by Osano, and its many descendants
    ".cc-window .cc-dismiss",
    ".cc-window .cc-allow",
    "#cookie-law-info-bar .cli_action_button",  # GDPR Cookie Consent for WordPress
    "#cookie_action_close_header",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderOptions:
    """How one page is rendered.  Times are seconds, sizes bytes."""

    timeout: float  # for the whole page
    max_size: int
    limit: float = MAX_SETTLE_SECONDS  # for waiting, once the page has come
    selector: str | None = None  # wait until it is there
    idle: bool = False  # wait until nothing is under way
    pause: float | None = None  # wait that long
    consent: tuple[str, ...] = PLATFORMS

    @classmethod
    def of(cls, outlet: Outlet, crawl: CrawlSettings) -> RenderOptions:
        """The outlet's plan: ``wait`` is ``idle``, a duration or else a CSS selector."""
        timeout = crawl.timeout.total_seconds()
        selector, pause = outlet.wait, None
        if outlet.wait:
            try:
                pause = min(duration(outlet.wait).total_seconds(), timeout / 2)
            except ValueError:
                pass
            else:
                selector = None
        idle = outlet.wait == "idle"
        return cls(
            timeout=timeout,
            max_size=crawl.max_size,
            limit=min(timeout / 2, max(MAX_SETTLE_SECONDS, (pause or 0) + 1)),
            selector=None if idle else selector,
            idle=idle,
            pause=pause,
            consent=(*outlet.consent, *PLATFORMS),
        )
