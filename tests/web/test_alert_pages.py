"""The pages of alerts: the editor with its preview and faults, one alert, and how it is deleted and copied."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING

import pytest

from monitor.config import load
from monitor.models import Hit, Notification, now
from monitor.store.records import OutboxRecord
from store.examples import page_commit, story
from web.conftest import open_page
from web.examples import CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.store import Store
    from web.conftest import Page

DIGEST = """\
  # Of Britain only.
  - name: british
    query: 'chips'   # a word
    to: [desk@example.org, 'https://hooks.example/services/SECRET']
    deliver: daily 07:00
    countries: [GB]
    min_strength: 1.5
"""
NEW = {"name": "fresh", "query": "chips", "to": "a@example.org", "deliver": "instant", "timezone": "UTC"}


def text_of(html: str) -> str:
    """Returns the text of the page's main part on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.partition("<main")[2])).split())


@pytest.fixture
def alert_page(tmp_path: Path, filled_store: Store) -> Iterator[Page]:
    """A page with a restricted alert, and stories of two countries of which it reports some."""
    at = now()
    found = [
        story(
            f"chips {number}",
            title=f"Chips of number {number}",
            text="They are sold.",
            country="GB" if number < 12 else "DE",
            published_at=at - timedelta(hours=number + 3),
        )
        for number in range(14)
    ]
    filled_store.commit([page_commit(each) for each in found])
    yield from open_page(tmp_path, filled_store, CONFIG + DIGEST)


def preview(page: Page, **fields: str) -> str:
    page.get("/alert/edit")
    status, text, _ = page.submit("/alert/edit", {**NEW, "action": "preview", **fields})
    assert status == 200
    return text


def refused(page: Page, **fields: str) -> str:
    page.get("/alert/edit")
    status, text, _ = page.submit("/alert/edit", {**NEW, "action": "save", **fields})
    assert status == 400
    return text


def digest_in(html: str) -> str:
    return html.partition('name="digest" value="')[2].partition('"')[0]


def test_a_preview_counts_only_stories_that_pass_the_filters(alert_page: Page) -> None:
    assert "would have caught 15 stories" in preview(alert_page)
    assert "would have caught 12 stories" in preview(alert_page, countries="GB")
    assert "would have caught 2 stories" in preview(alert_page, countries="DE")
    text = preview(alert_page, countries="DE", outlets="Wire")
    assert "would have caught 0 stories" in text
    assert "Only stories that pass its restrictions count" in text


def test_a_preview_counts_as_the_backfill_does(alert_page: Page) -> None:
    """A word has the strength 1, so no match has the ``min_strength`` that the form does not show."""
    fields = {"original": "british", "name": "british", "countries": "GB", "deliver": "daily 07:00"}
    assert "would have caught 0 stories" in preview(alert_page, **fields)
    alert_page.get("/alert?name=british")
    _, text, _ = alert_page.submit("/alert/backfill", {"name": "british", "since": "30d", "action": "count"})
    assert "The alert has reported all stored stories" in text
    assert "would have caught 12 stories" in preview(alert_page, **fields, query='chips OR "chips of number"')


def test_an_unknown_outlet_or_topic_is_a_note_at_its_field(alert_page: Page) -> None:
    text = preview(alert_page, outlets="Outlt", topics="nosuch")
    assert 'aria-describedby="outlets-hint outlets-warning"' in text
    assert 'id="outlets-warning"><span>Note: no outlet &#34;Outlt&#34;; did you mean &#34;Outlet&#34;?' in text
    assert 'id="topics-warning"><span>Note: no topic &#34;nosuch&#34;' in text


def test_a_name_with_a_comma_stays_one_name_when_an_alert_is_edited(alert_page: Page) -> None:
    text = alert_page.config_path.read_text()
    alert_page.config_path.write_text(text.rstrip("\n") + '\n    outlets: ["China, State Council", Wire]\n')
    _, text, _ = alert_page.get("/alert/edit?name=british")
    assert 'name="outlets" value="&#34;China, State Council&#34;, Wire"' in text
    fields = {key: unescape(value) for key, value in re.findall(r'name="(\w+)" value="([^"]*)"', text)}
    fields |= {"query": "Britain", "action": "save", "outlets": fields["outlets"] + ", Outlet"}
    assert alert_page.submit("/alert/edit", fields)[0] == 303
    edited = next(alert for alert in load(alert_page.config_path, {}).alerts if alert.name == "british")
    assert edited.outlets == ("China, State Council", "Wire", "Outlet")


def test_the_editor_offers_known_names_and_delivery_times(alert_page: Page) -> None:
    _, text, _ = alert_page.get("/alert/edit")
    assert '<datalist id="outlets-known"><option value="Outlet">' in text
    assert '<datalist id="topics-known"><option value="ai">' in text
    assert 'list="deliver-known"' in text
    assert '<option value="weekly mon 07:00">' in text


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("zzz NEAR/5 chips", ["zzz NEAR/5 chips 0", "zzz 0", "chips 15"]),
        ("zzz", ["zzz 0"]),
        ("zzz AND chips", ["zzz 0", "chips 15"]),
    ],
)
def test_a_preview_without_stories_counts_each_part(alert_page: Page, query: str, parts: list[str]) -> None:
    text = text_of(preview(alert_page, query=query))
    assert "would have caught 0 stories" in text
    assert f"Each part by itself Part Stories {' '.join(parts)} Changes of monitor.yaml" in text


def test_the_parts_of_a_preview_include_the_restrictions(alert_page: Page) -> None:
    text = text_of(preview(alert_page, countries="DE", outlets="Wire"))
    assert 'chips 15 outlet:"Wire" 1 country:"DE" 2 Changes' in text


def test_a_fault_is_shown_at_its_field_without_its_path(alert_page: Page) -> None:
    text = refused(alert_page, deliver="daily 6", to="nobody", timezone="Mars", languages="x1")
    for name, message in (
        ("deliver", "&#39;daily 6&#39; is not a delivery time; write daily 06:00"),
        ("to", "&#39;nobody&#39; is not an e-mail address; write it as in desk@example.org"),
        ("timezone", "&#39;Mars&#39; is not a time zone"),
        ("languages", "&#39;x1&#39; is not a language code"),
    ):
        assert f'id="{name}-fault"><span>{message}' in text
        assert f'aria-describedby="{name}-hint {name}-fault" aria-invalid="true"' in text
    assert "alerts[" not in text
    assert '<a href="#deliver">Deliver</a>' in text
    assert '<details class="wide" open>' in text


def test_the_fault_of_a_query_of_several_lines_names_its_line(alert_page: Page) -> None:
    text = refused(alert_page, query="model\r\nAND (chips\r\nOR bank")
    assert "at line 2, column 5" in text
    assert "<bdi>AND <mark>(</mark>chips</bdi>" in text
    assert 'aria-describedby="check query-fault" aria-invalid="true"' in text
    assert "model\nAND (chips\nOR bank</textarea>" in text
    assert "<bdi>model AND <mark>(</mark>chips</bdi>" in refused(alert_page, query="model AND (chips")


def test_a_name_that_another_alert_has_is_a_fault_of_the_name(alert_page: Page) -> None:
    for fields in ({"name": "BANKS"}, {"name": "british", "original": "banks"}):
        text = refused(alert_page, **fields)
        assert 'id="name-fault"><span>another alert has this name' in text
        assert "alerts[" not in text


def test_a_fault_of_another_entry_keeps_its_place(alert_page: Page) -> None:
    alert_page.config_path.write_text(CONFIG.replace("https://outlet.example/", "nowhere") + DIGEST)
    assert "outlets[0].url: " in text_of(refused(alert_page))


def test_the_query_help_is_on_the_search_and_on_the_editor(alert_page: Page) -> None:
    for path in ("/", "/alert/edit"):
        assert alert_page.get(path)[1].count("How to write a query") == 1


def test_the_alert_page_shows_restrictions_and_delivery_in_words(alert_page: Page) -> None:
    text = text_of(alert_page.get("/alert?name=british")[1])
    assert "Restrictions: countries GB ; strength at least 1.5" in text
    assert "when a digest each day at 07:00 (UTC) no match no digest combined with other alerts" in text
    assert "SECRET" not in text
    text = text_of(alert_page.get("/alert?name=banks")[1])
    assert "No restrictions: stories of all outlets" in text
    assert "when each event at once digest each day at 07:00 (UTC), of what was not sent at once" in text


def test_the_alert_page_notes_what_is_probably_a_mistake(alert_page: Page) -> None:
    assert "Note: min_strength: no match reaches 1.5" in text_of(alert_page.get("/alert?name=british")[1])


def test_a_saved_alert_offers_its_earlier_stories_for_a_digest(alert_page: Page) -> None:
    _, text, _ = alert_page.get("/alert/edit")
    fields = {**NEW, "countries": "GB", "action": "save", "digest": digest_in(text)}
    status, _, headers = alert_page.submit("/alert/edit", fields)
    assert (status, headers["Location"]) == (303, "/alert?name=fresh&saved=1")
    _, text, _ = alert_page.get(headers["Location"])
    assert "Saved. It reports new stories only; 12 earlier stories of the last 30 days match:" in text
    assert "Queue them for one digest" in text
    _, text, _ = alert_page.submit("/alert/backfill", {"name": "fresh", "since": "30d", "action": "queue"})
    assert "12 stories of 12 events queued for the digest of" in text
    assert [each.alert for each in alert_page.store.outbox(limit=100)].count("fresh") == 12
    assert "0 earlier stories of the last 30 days match." in alert_page.get(headers["Location"])[1]


def test_the_count_of_a_backfill_lists_the_newest_stories(alert_page: Page) -> None:
    alert_page.config_path.write_text(CONFIG + DIGEST.replace("    min_strength: 1.5\n", ""))
    alert_page.get("/alert?name=british")
    _, text, _ = alert_page.submit("/alert/backfill", {"name": "british", "since": "30d", "action": "count"})
    listed = re.findall(r">(Chips of number \d+)<", text.partition('<ol class="backfill">')[2])
    assert listed == [f"Chips of number {number}" for number in range(10)]
    assert "and 2 more" in text


def test_a_backfill_during_a_snooze_is_for_its_end(alert_page: Page) -> None:
    alert_page.get("/alert?name=banks")
    alert_page.submit("/alert/snooze", {"name": "banks", "span": "7d"})
    fields = {"name": "banks", "since": "30d", "action": "count"}
    alert_page.store.commit([page_commit(story("later", title="Sberbank lends"))])
    _, text, _ = alert_page.submit("/alert/backfill", fields)
    end = alert_page.store.snoozes()["banks"]
    assert f"would be queued for the end of the snooze at {end.day} {end:%b %Y, %H:%M} UTC." in text


def test_an_alert_about_numbers_of_stories_has_no_backfill(alert_page: Page) -> None:
    alert_page.config_path.write_text(CONFIG + DIGEST + "    type: spike\n")
    _, text, _ = alert_page.get("/alert?name=british&saved=1")
    assert "Saved.</p>" in text
    assert ">Count</button>" not in text
    status, text, _ = alert_page.submit("/alert/backfill", {"name": "british", "since": "7d", "action": "queue"})
    assert status == 400
    assert "An alert with type: spike reports no single stories." in text


def test_a_snooze_names_the_first_digest_after_it(alert_page: Page) -> None:
    alert_page.get("/alert?name=british")
    alert_page.submit("/alert/snooze", {"name": "british", "span": "7d"})
    _, html, _ = alert_page.get("/alert?name=british")
    end = alert_page.store.snoozes()["british"]
    digest = end.replace(hour=7, minute=0, second=0, microsecond=0)
    digest += timedelta(days=1) if digest <= end else timedelta()
    assert f"next digest {digest.day} {digest:%b %Y, %H:%M} UTC" in text_of(html)
    assert f"the first digest after it is that of {digest.day} {digest:%b %Y}" in text_of(html)
    assert ">End snooze</button>" in html
    assert "Send again" not in html


def test_an_alert_is_deleted_after_a_confirmation(alert_page: Page) -> None:
    _, text, _ = alert_page.get("/alert/delete?name=british")
    assert alert_page.config_path.read_text() == CONFIG + DIGEST
    assert "No notification of it waits in the outbox." in text
    fields = {"name": "british", "digest": digest_in(text)}
    status, _, headers = alert_page.submit("/alert/delete", fields)
    assert (status, headers["Location"]) == (303, "/alerts?deleted=british")
    assert alert_page.config_path.read_text() == CONFIG + "  # Of Britain only.\n"
    assert "Deleted: british" in text_of(alert_page.get("/alerts?deleted=british")[1])
    assert "Deleted:" not in alert_page.get("/alerts?deleted=banks")[1]
    assert alert_page.submit("/alert/delete", fields)[0] == 404


def test_the_confirmation_says_what_becomes_of_the_outbox(alert_page: Page) -> None:
    at, config = now(), load(alert_page.config_path, {})
    targets = config.alerts[1].targets_by_channel
    for number, channel in enumerate(["email", "email", "webhook"]):
        notification = Notification(
            alert="british", story=f"{number}", version=1, channel=channel, targets=targets[channel],
            due_at=at + timedelta(hours=1), created_at=at,
        )  # fmt: skip
        alert_page.store.load([OutboxRecord(notification=notification, sent_at=None)])
    alert_page.store.snooze("british", at + timedelta(days=1))
    text = text_of(alert_page.get("/alert/delete?name=british")[1])
    assert "2 notifications in the outbox: still sent when due, to the queued addresses." in text
    assert "1 notification in the outbox: not sent but kept there" in text
    assert "Nothing is sent before" in text


def test_a_file_that_was_changed_meanwhile_keeps_the_alert(alert_page: Page) -> None:
    alert_page.get("/alert/delete?name=british")
    status, text, _ = alert_page.submit("/alert/delete", {"name": "british", "digest": "0" * 32})
    assert status == 400
    assert "It was not deleted: " in text
    assert "was changed meanwhile" in text
    assert alert_page.config_path.read_text() == CONFIG + DIGEST


def test_deleting_needs_the_token_of_the_page(alert_page: Page) -> None:
    _, text, _ = alert_page.get("/alert/delete?name=british")
    fields = {"name": "british", "digest": digest_in(text), "form_token": "x"}
    assert alert_page.submit("/alert/delete", fields)[0] == 403
    assert alert_page.config_path.read_text() == CONFIG + DIGEST


def test_a_duplicate_keeps_all_settings_under_another_name(alert_page: Page) -> None:
    _, text, _ = alert_page.get("/alert/edit?copy=british")
    assert 'name="name" value="british copy"' in text
    assert "SECRET" not in text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', text.partition("<form")[2]))
    fields |= {"query": "chips", "outlets": "Outlet", "action": "save"}
    _, text, _ = alert_page.submit("/alert/edit", fields | {"action": "preview"})
    assert "+    to: [desk@example.org, &#39;https://hooks.example" in text
    assert "SECRET" not in text
    assert alert_page.submit("/alert/edit", fields)[0] == 303
    copied = DIGEST.replace("british", "british copy").partition("\n")[2] + "    outlets: [Outlet]\n"
    assert alert_page.config_path.read_text() == CONFIG + DIGEST + copied
    assert 'value="british copy 2"' in alert_page.get("/alert/edit?copy=british")[1]


def test_hits_mark_the_matching_words_and_label_their_times(alert_page: Page) -> None:
    at = now().replace(hour=19, minute=56)
    found = story("marked", title="Sberbank lends", published_at=at.replace(hour=16))
    alert_page.store.commit([page_commit(found)])
    alert_page.store.load(
        [Hit.of_story("banks", found, matched_at=at, context="a **Sberbank** of <i> and **Сбербанк**")]
    )
    _, text, _ = alert_page.get("/alert?name=banks")
    assert "<mark>Sberbank</mark> lends</a>" in text
    assert "a <mark>Sberbank</mark> of &lt;i&gt; and <mark>Сбербанк</mark></span>" in text
    assert f"caught {at:%d %b} 19:56 , published 16:56 ·" in text_of(text)


def test_the_editor_names_its_buttons_and_shows_the_changes(alert_page: Page) -> None:
    text = preview(alert_page)
    assert ">Save alert</button>" in text
    assert '<details class="changes" open><summary>Changes of monitor.yaml</summary>' in text
