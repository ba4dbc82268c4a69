"""A word that is written with and without a hyphen finds both spellings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.query import parse
from monitor.query.matcher import analysed_story, matches
from monitor.query.syntax import Or, Word
from query.examples import NOON, STORY


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("email", "send an e-mail"),
        ("emails", "send an e-mail"),
        ("e-mail", "emails were sent"),
        ("co-operation", "cooperation"),
        ("cooperation", "co-operation"),
        ("anti-war", "an antiwar rally"),
        ("antiwar", "an anti-war rally"),
        ("vicepresident", "the vice-president"),
        ("vice-president", "two vicepresidents"),
        ("cybersecurity", "cyber-security"),
        ("pre-war", "the prewar years"),
        ("F-16", "F16 jets"),
        ("F16", "F-16 jets"),
        ("GPT4", "GPT-4"),
        ("Covid-19", "COVID19"),
        ("title:(email NEAR/3 sent)", "x"),
        ("email NEAR/3 send", "send an e-mail"),
        ("atleast2(email)", "an e-mail, an email"),
        ("email NOT NEAR/1 spam", "an e-mail"),
    ],
)
def test_both_spellings_are_found(query: str, text: str) -> None:
    story = replace(STORY, title="An e-mail was sent", text=text)
    assert matches(parse(query), analysed_story(story), NOON)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ('"email"', "an e-mail"),
        ("raw:email", "an e-mail"),
        ("emission", "an e mission"),
        ("prevent", "pre vent"),
        ("minister", "mini ster"),
        ("state-owned", "stateowned"),
        ("-email send", "send an e-mail"),
    ],
)
def test_other_words_have_one_spelling(query: str, text: str) -> None:
    assert not matches(parse(query), analysed_story(replace(STORY, title="", text=text)), NOON)


@pytest.mark.parametrize(
    "query", ["email", "e-mail OR chip", "email OR e-mail", "NOT F-16", "email NEAR/3 (GPT4 OR chip)"]
)
def test_a_query_with_both_spellings_is_parsed_to_itself(query: str) -> None:
    node = parse(query)
    assert parse(str(node)) == node


def test_both_spellings_are_one_group() -> None:
    assert parse("email") == Or((Word("email"), Word("e-mail")))
    assert parse("email OR e-mail") == Or((Word("email"), Word("e-mail")))
