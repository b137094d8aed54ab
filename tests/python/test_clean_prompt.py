# SPDX-License-Identifier: Apache-2.0
"""Prompt cleaning against what Wan's tokenizer does in Python: ftfy, html.unescape, regular expressions."""
import html
import html.entities
import re
import string

import pytest

hypothesis = pytest.importorskip("hypothesis")
pytest.importorskip("torch")
model = pytest.importorskip("action_images._model")

from hypothesis import strategies as st  # noqa: E402

CLEANINGS = ["whitespace", "lower", "canonicalize"]
WORDS = ["Pick", "up", "the", "red", "block", "R&D", "3 cm", "robot’s", "“grip”", "it's", "…", "50°", "naïve", "Übung", "Čapek",
         "привет", "機械", "_left_arm_", "(slowly)", "100%", "\U0001F916", "a/b", "e.g.", "—", "x²"]
TRICKY = list("ab <>&;#x_!{}\n\t\r\x85\x07\ufeff\u2028\u00a0’“ﬁＡ　ｶéÉ") + [
    "&amp;", "&lt;", "&amp;lt;", "&#39;", "&quot", "&notit;", "&#x110000;", "&#59;", "&#", "&#x", "&nbsp", "&hellip;",
    "&CounterClockwiseContourIntegral;", "&fjlig;", "\x1b[31m", "\x1b["]


def ftfy_without_guesses(text):
    """ftfy without its guess at the encoding and without NFC, which clean_prompt leaves out."""
    ftfy = pytest.importorskip("ftfy")
    return ftfy.fix_text(text, ftfy.TextFixerConfig(explain=False, fix_encoding=False, normalization=None))


def clean_in_python(text, cleaning="whitespace", keep="", fix_text=ftfy_without_guesses):
    """Wan's cleaning, from its description."""
    text = html.unescape(html.unescape(fix_text(text))).strip()
    if cleaning == "canonicalize":
        without = str.maketrans("", "", string.punctuation)
        parts = text.replace("_", " ").split(keep) if keep else [text.replace("_", " ")]
        text = keep.join(part.translate(without) for part in parts)
    text = re.sub(r"\s+", " ", text).strip()
    return text if cleaning == "whitespace" else text.lower()


@pytest.mark.oracle
@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(st.lists(st.sampled_from(WORDS), max_size=12), st.sampled_from(CLEANINGS))
def test_plain_prompts_are_cleaned_as_by_wan(words, cleaning):
    ftfy = pytest.importorskip("ftfy")
    text = " ".join(words)
    assert model.clean_prompt(text, cleaning) == clean_in_python(text, cleaning, fix_text=ftfy.fix_text)


@pytest.mark.oracle
@hypothesis.settings(max_examples=500, deadline=None)
@hypothesis.given(st.lists(st.sampled_from(TRICKY), max_size=14).map("".join), st.sampled_from(CLEANINGS),
                  st.sampled_from(["", "{}", "!"]))
def test_tricky_prompts_are_cleaned_as_by_wan_without_guesses(text, cleaning, keep):
    assert model.clean_prompt(text, cleaning, keep) == clean_in_python(text, cleaning, keep)


@pytest.mark.oracle
@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(st.text(max_size=40))
def test_any_text_is_cleaned_as_by_wan_without_guesses(text):
    assert model.clean_prompt(text) == clean_in_python(text)


@pytest.mark.oracle
def test_every_entity_of_html_is_decoded_as_by_wan():
    for name in html.entities.html5:
        for text in (f"a&{name}b", f"a&{name.rstrip(';')}b", f"&amp;{name} x", f"<&{name}>", f"&{name[:-2]};"):
            assert model.clean_prompt(text) == clean_in_python(text), text


@pytest.mark.oracle
def test_every_character_and_number_is_read_as_by_wan():
    for code in [*range(0x3200), *range(0xD700, 0x10100), 0x1F600, 0xFFFFF, 0x10FFFF, 0x110000]:
        for text in (f"a&#{code};b", f"a&#x{code:x}b", "" if 0xD800 <= code < 0xE000 or code > 0x10FFFF else f"a{chr(code)}b"):
            assert model.clean_prompt(text) == clean_in_python(text), text


def test_capitals_of_the_documented_scripts_become_small():
    for first, last in ((0, 0x17F), (0x386, 0x3AB), (0x400, 0x52F), (0x531, 0x556), (0x1E00, 0x1EFF)):
        for code in range(first, last + 1):
            text = f"a{chr(code)}b"
            cleaned = model.clean_prompt(text)
            if " " not in cleaned:
                assert model.clean_prompt(text, "lower") == cleaned.lower(), hex(code)


def test_what_ftfy_guesses_is_left_alone():
    for text in ("caf\u00c3\u00a9", "e\u0301", "P&EACUTE;REZ"):
        assert model.clean_prompt(text) == text


def test_another_cleaning_is_a_value_error():
    with pytest.raises(ValueError, match="name: expected none, whitespace, lower or canonicalize, got spaces"):
        model.clean_prompt("text", "spaces")
