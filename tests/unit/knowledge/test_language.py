"""The language of a document is told from its text, and left open where the text does not tell."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.knowledge.ingestion.parse.language import language
from muniment.knowledge.ingestion.parse.normal import normal
from muniment.knowledge.ingestion.parsed import Parsed, from_json

SENTENCES = {
    "en": "The annual leave policy grants twenty five days of leave to each person who works here.",
    "de": "Die Urlaubsregelung gewährt jeder Person, die hier arbeitet, fünfundzwanzig Tage im Jahr.",
    "fr": "La politique de congés accorde vingt-cinq jours de congé à chaque personne qui travaille ici.",
    "es": "La política de vacaciones concede veinticinco días a cada persona que trabaja aquí.",
    "it": "La politica delle ferie concede venticinque giorni a ogni persona che lavora qui.",
    "pt": "A política de férias concede vinte e cinco dias a cada pessoa que trabalha aqui.",
    "nl": "Het verlofbeleid geeft iedereen die hier werkt vijfentwintig dagen verlof per jaar.",
    "pl": "Regulamin urlopów przyznaje każdej zatrudnionej tu osobie dwadzieścia pięć dni urlopu.",
    "sv": "Semesterpolicyn ger varje person som arbetar här tjugofem dagars ledighet.",
    "cs": "Pravidla dovolené poskytují každému zaměstnanci dvacet pět dní volna ročně.",
    "tr": "İzin politikası burada çalışan herkese yılda yirmi beş gün izin verir.",
    "ru": "Правила отпусков дают каждому работнику двадцать пять дней отпуска в год.",
    "uk": "Правила відпусток надають кожному працівникові двадцять пять днів на рік.",
    "el": "Η πολιτική αδειών δίνει είκοσι πέντε ημέρες άδειας σε κάθε εργαζόμενο.",
    "ja": "休暇規程により、ここで働く人は毎年二十五日の休暇を取ることができます。",
    "zh-Hans": "休假政策规定每位员工每年有二十五天假期。",
    "zh-Hant": "休假政策規定每位員工每年有二十五天假期。",
    "ko": "휴가 규정에 따라 모든 직원은 매년 이십오 일의 휴가를 받습니다.",
    "ar": "تمنح سياسة الإجازات كل موظف خمسة وعشرين يوما من الإجازة في السنة.",
    "he": "מדיניות החופשות מעניקה לכל עובד עשרים וחמישה ימי חופשה בשנה.",
    "hi": "अवकाश नीति हर कर्मचारी को साल में पच्चीस दिन की छुट्टी देती है।",
}


@pytest.mark.parametrize("tag", SENTENCES)
def test_the_language_of_a_sentence_is_told(tag: str) -> None:
    assert language(SENTENCES[tag]) == tag


@pytest.mark.parametrize("text", ["", "Yes.", "A-1283 0x77 12:33 17 | 22 | 19.5", "17 " * 400])
def test_a_text_that_does_not_tell_has_none(text: str) -> None:
    assert language(text) == ""


def test_a_text_in_several_languages_without_a_main_one_has_none() -> None:
    assert language("\n".join(SENTENCES.values())) == ""


@given(st.text(max_size=300))
def test_any_text_gives_a_tag_that_a_document_may_carry(text: str) -> None:
    text = normal(text)[0] * 20
    found = Parsed("", text, (), (), "text/plain", (), language=language(text))
    assert from_json(json.loads(found.to_json())) == found
