"""Names of query parameters that track readers and do not select a story.

Written by hand and compared with the lists of Brave, Firefox and ClearURLs.  A wrongly removed parameter gives two
stories one URL, and one of them is lost; a tracking parameter that stays gives one story two URLs, which near-duplicate
detection repairs.  So a name that a publisher may select stories with, such as ``icid``, is not in
`_TRACKING_NAMES`.
"""

# ruff: noqa: SIM905  long name lists are easier to read as text

from __future__ import annotations

import re

# Markup and feeds may escape or repeat the sign before a name: "?a=1&amp;utm_source=x", "??utm_source=x".
_SIGN_BEFORE_NAME_PATTERN = re.compile(r"^(?:amp;|\?|%3f)+", re.IGNORECASE)
# Names, in lower case, that a product for advertising, audience measurement or mailings has reserved.
_TRACKING_NAMES = frozenset(
    """
    utm mtm hsctatracking int_campaign int_medium int_source int_content int_term

    fbclid gclid gclsrc dclid yclid ysclid ymclid yadclid yadordid twclid ttclid tgclid qclid msclkid irclickid ircid
    irgwc ir_adid ir_campaignid ir_partnerid rb_clickid clickid wbraid gbraid gs_l _ga _gl _gac srsltid li_fat_id
    rdt_cid sccid s_ccid zanpid epik dicbo obclid tblci tblcid wickedid syclid unicorn_click_id igsh igshid mibextid
    cjevent cjdata sscid awc vmcid gps_adid action_object_map action_type_map action_ref_map __tn__
    __twitter_impression __s __source _openstat xing_share

    xtor xtref xtcr xtatc wtrid ml_subscriber ml_subscriber_hash ml_sub ml_sub_hash mc_cid mc_eid mc_tc
    ck_subscriber_id _bhlid _ke _kx et_cid et_lid et_rid elq elqtrackid elqcampaignid elqaid elqat elqak vgo_ee dm_i
    sfns sc_customer sc_eh sc_lid sc_llid sc_src sc_uid sc_cmp sc_campaign sc_channel s_cid s_kwcid s_campaign ef_id
    mkwid pcrid ss_campaign_id ss_campaign_name ss_campaign_sent_date ss_source sms_click sms_source sms_uph cm_mmc
    cm_cr cm_me cm_re cm_sp nb_adid nb_aname nb_asize nb_atype nb_cid nb_mtype nb_partner_name nb_partner_shared_id
    nb_pid nb_platform nb_product_sku nb_expid_meta nb_placement h_sid h_slt os_ehash ex_cid eblastid hmb_campaign
    hmb_medium hmb_source hootpostid tracking_source guccounter tsrc brave-campaign-id brave-creative-id
    brave-creative-set-id emci emdi recip recipientid echobox

    intcid cmpid cmpnid mbid bxid cndid esrc hasha hashb hashc smid smtyp smprod wpisrc wpmm ftcamp ftag tag_src tagsrc
    taid ito mkcid reflink ref_src refsrc ref_url refurl referrer referer src_ref srcref sref srnd traffic_source
    trafficsource leadsource spref partnerrss from_rss fromrss fromsource app_share appshare isappinstalled share_type
    share_from share_admin share_token sharetype sharefrom shareadmin sharetoken shared usqp amp_gsa amp_js_v ampjsv
    tracking_id trackingid spm scm yptr oborigurl originalsubdomain wprov
    """.split()
)
# The beginnings of such names.
_TRACKING_NAME_PREFIXES = tuple(
    """
    utm_ utm- mtm_ matomo_ pk_ piwik_ hsa_ _hs __hs vero_ oly_ mkt_ itm_ stm_ otm_ gad_ ga_ fb_ __cft__ at_ xt_ wt_ wt.
    ns_ trk_ soc_ cx_ cxrecs_ dpg_ bsft_ oft_ _branch_ sfmc_ cm_mmca vn_ pf_rd_ pd_rd_ guce_ aspsessionid
    """.split()
)
# Names that track readers unless their value may be a database key: three or more digits.
_POSSIBLE_TRACKING_NAMES = frozenset(
    """
    ref source src share feed rss partner social campaign track tracking from via medium newsletter nl kwd trk
    """.split()
)
# The same, but any number may be a database key.
_NUMERIC_KEY_NAMES = frozenset(
    """
    mod cid ad ads ncid ocid cmp campaignid campaign_id ceid nlid newsletterid newsletter_id shareid share_id
    """.split()
)
# Names that track readers on one site only, by registrable domain.
_SITE_TRACKING_NAMES = {
    domain: frozenset(names.split())
    for domains, names in (
        ("forbes.com", "sh ss"),
        ("msn.com", "ocid cvid ei pc"),
        ("aol.com techcrunch.com huffpost.com engadget.com yahoo.com", "ncid"),
        ("theguardian.com", "cmp"),
        ("washingtonpost.com", "itid"),
        ("wsj.com barrons.com marketwatch.com", "mod st"),
        ("bloomberg.com bloomberglaw.com", "in_source trk"),
        ("nytimes.com", "referringsource sgrp ugrp"),
        ("cbsnews.com cnet.com", "linkid"),
        ("hbr.org techcrunch.com", "tpcc"),
        ("radio-canada.ca", "partageapp"),
        ("ft.com linkedin.com therecord.media", "trk"),
        ("limesonline.com lastampa.it repubblica.it huffingtonpost.it ilsecoloxix.it gelocal.it", "ref"),
    )
    for domain in domains.split()
}


def is_tracking_parameter(parameter: str, site: str) -> bool:
    """Returns True if a parameter ``name=value`` of a query serves only to track readers.

    ``site`` is the registrable domain of the URL, because some names track readers on one site only.
    """
    name, _, value = parameter.partition("=")
    name = _SIGN_BEFORE_NAME_PATTERN.sub("", name, count=1).lower()
    if name in _TRACKING_NAMES or name in _SITE_TRACKING_NAMES.get(site, ()):
        return True
    if name.startswith(_TRACKING_NAME_PREFIXES):
        return True
    if name in _NUMERIC_KEY_NAMES and value.isdigit():
        return False
    return name in _POSSIBLE_TRACKING_NAMES | _NUMERIC_KEY_NAMES and sum(map(str.isdigit, value)) < 3


# ---- the names of earlier versions, for the ids of stories that they have stored

_FORMER_TRACKING_PATTERN = re.compile(
    r"(?:utm|mtm|pk|piwik|matomo|hsa|vero|oly|mkt|stm|itm|ga|at|ns|wt|trk|fb|__hs|_hs|soc|xt|pf_rd|_branch|guce?)_\w+"
    r"|(?:fb|g|d|y|yc|ysc|tw|tt|msclk|wbra|gbra|msclk|irclick)cl?id|li_fat_id|rdt_cid|s_c?cid|zanpid|gclsrc|epik"
    r"|_ga|_gl|_ke|_openstat|__s|__source|__twitter_impression|igsh(?:id)?|mibextid|wickedid|rtid|mc_[ce]id|mkcid"
    r"|ncid|ocid|icid|cmp(?:id|nid)?|campaign_?id|ref_?src|ref_?url|referr?er|reflink|src_?ref|sref|srnd|smid|smtyp|smprod"
    r"|ftcamp|ftag|tag_?src|mbid|taid|share_?(?:type|id|from|admin|token)|shared|from_?rss|partnerrss|spref|sfns|ito"
    r"|amp_?js_?v|amp_gsa|usqp|guccounter|tsrc|wpisrc|wpmm|traffic_?source|app_?share|leadsource|emci|emdi|ceid|kwd"
    r"|recip(?:ientid)?|newsletter_?id|nlid|tracking_?id|session_?id|phpsessid|jsessionid|aspsessionid\w*|fromsource"
    r"|isappinstalled|wt\.\w+|xing_share|dicbo|oborigurl|spm|scm|yptr|originalsubdomain",
    re.IGNORECASE,
)
_FORMER_POSSIBLE_TRACKING_PATTERN = re.compile(
    r"ref|source|src|share|feed|rss|partner|social|campaign|track|tracking|from|via|medium|newsletter|nl|mod|cid|ad|ads",
    re.IGNORECASE,
)
_FORMER_NUMERIC_KEY_PATTERN = re.compile(r"cid|ads?|mod", re.IGNORECASE)


_FORMER_SESSION_NAMES = frozenset("session_id sessionid phpsessid jsessionid".split())  # today in `session_ids`


def was_tracking_or_session_parameter(parameter: str, site: str) -> bool:
    """Returns True if version 1 of the story ids left the parameter out; see `monitor.urls.former_story_ids`."""
    name = _SIGN_BEFORE_NAME_PATTERN.sub("", parameter.partition("=")[0], count=1).lower()
    return name in _FORMER_SESSION_NAMES or is_tracking_parameter(parameter, site)


def was_tracking_parameter(parameter: str, site: str) -> bool:  # noqa: ARG001  called like `is_tracking_parameter`
    """Returns True if version 0 of the story ids left the parameter ``name=value`` out; see `former_story_ids`."""
    name, _, value = parameter.partition("=")
    if _FORMER_TRACKING_PATTERN.fullmatch(name):
        return True
    if not _FORMER_POSSIBLE_TRACKING_PATTERN.fullmatch(name) or sum(map(str.isdigit, value)) >= 3:
        return False
    return not (value.isdigit() and _FORMER_NUMERIC_KEY_PATTERN.fullmatch(name))
