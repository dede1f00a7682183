"""Texts that read like orders to a model: told to whoever guards the workspace, and a reason to look before serving.

Whoever writes for people seldom writes so; whoever means to pass unseen writes otherwise. So a find is a reason to
look, and none is no reason to trust: nothing that a model may do rests on this.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muniment.knowledge.flags import Severity

HIGH, MEDIUM = 1.0, 0.5
"""Weights, of all that is found together, from which a text is as severe as this."""
LONGEST = 2_000_000
"""Characters that are looked at."""
MOST_SPANS = 20
_SAME_PATTERN = 3
_W = r"[\s\W]{1,4}"
_RULES = r"(?:instructions?|rules?|prompts?|guidelines?|directions?|orders?|directives?|programming)"
_BEFORE = r"(?:previous(?:ly)?|prior|above|preceding|earlier|foregoing)"
_AI = (
    r"(?:ai|a\.i\.|ais|llms?|chat-?bots?|bots?|agents?|assistants?|copilots?|language"
    rf"{_W}models?|(?:automated|automatic){_W}(?:readers?|systems?|agents?|tools?))"
)
_PATTERNS: Mapping[str, tuple[float, re.Pattern[str]]] = {
    name: (weight, re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for name, weight, pattern in (
        (
            "ignore all that came before",
            1.0,
            rf"\b(?:ignore|disregard|forget|override|bypass){_W}(?:"
            rf"(?:all|any|every|each|everything)\b{_W}(?:\w+{_W}){{0,3}}?{_BEFORE}{_W}(?:\w+{_W}){{0,2}}?{_RULES}"
            rf"|(?:all|any|every){_W}(?:\w+{_W}){{0,2}}?{_RULES}{_W}(?:you|above|before|so{_W}far|from{_W}the{_W}system)\b"
            rf"|(?:(?:\w+{_W}){{0,2}}?(?:your|system){_W}(?:\w+{_W}){{0,2}}?{_RULES})"
            rf"|the{_W}{_RULES}{_W}(?:that{_W})?you{_W}(?:were|have|had|got)"
            rf"|(?:all{_W})?(?:of{_W})?the{_W}above{_W}and\b)",
        ),
        (
            "ignore what came before",
            0.6,
            rf"\b(?:ignore|disregard|forget|override)(?:{_W}\w+){{0,3}}?{_W}{_RULES}\b"
            rf"|\bdo{_W}not{_W}(?:listen|pay{_W}attention){_W}to{_W}any{_W}{_BEFORE}"
            rf"|\bforgotten{_W}(?:about{_W})?all{_W}(?:the|your){_W}{_RULES}",
        ),
        (
            "ignore what came before, in another language",
            1.0,
            rf"\b(?:vergiss|ignoriere|missachte)n?(?:{_W}sie)?{_W}(?:alle|s[äa]mtliche)\w*{_W}(?:\w+{_W}){{0,2}}?"
            r"(?:anweisungen|regeln|vorgaben|befehle)"
            rf"|\b(?:ignore[zr]?|oublie[zr]?){_W}(?:toutes?{_W})?les{_W}(?:instructions|consignes|r[èe]gles)"
            rf"|\b(?:ignor[ae]|olvid[ae]){_W}(?:todas?{_W})?(?:las|as){_W}(?:instrucciones|instru[çc][õo]es|reglas)"
            rf"|\b(?:ignora|dimentica){_W}(?:tutte{_W})?le{_W}(?:istruzioni|regole)"
            rf"|\b(?:negeer|vergeet){_W}alle{_W}(?:\w+{_W}){{0,2}}?(?:instructies|regels)"
            r"|(?:忽略|无视|無視).{0,8}(?:指令|指示|规则|說明|说明)|(?:игнорируй|забудь).{0,20}(?:инструкци|указани)",
        ),
        (
            "spoken to a model",
            0.5,
            rf"\b(?:notes?|notice|message|instructions?|attention|warning|orders?){_W}(?:to|for)(?:{_W}the|{_W}any|{_W}all)?"
            rf"{_W}{_AI}\b"
            rf"|(?:^|[.!?:;\n>\"'(]){_W}?(?:dear{_W}|hey{_W}|hello{_W})?(?:ai{_W})?(?:assistants?|chatbot|llm|ai|gpt|chatgpt|claude"
            rf"|gemini|copilot)\s?[,:]\s?(?:you\b|please\b|ignore|do\b|don.?t|never|always|answer|reply|reveal|send|forward"
            r"|call|say|state|print|list|show|tell|use|output|respond|repeat|add|include|write)"
            rf"|\bif{_W}you{_W}are{_W}(?:an?|the){_W}(?:\w+{_W})?{_AI}\b"
            rf"|\bas{_W}an{_W}ai\b{_W}(?:you\b|language|assistant)"
            rf"|\b{_AI}{_W}(?:must|may|shall|should){_W}not{_W}mention\b",
        ),
        (
            "a new role",
            0.5,
            rf"\byou{_W}are{_W}now\b|\bfrom{_W}now{_W}on,?{_W}?you\b|\byou{_W}will{_W}be{_W}called\b|\bnew{_W}system{_W}prompt"
            rf"|\bact{_W}as{_W}(?:an?|the|if{_W}you)\b{_W}(?:\w+{_W}){{0,3}}?(?:assistant|model|agent|ai)\b"
            rf"|\b(?:imagine|pretend|simulate|assume|suppose|behave)\b{_W}(?:\w+{_W}){{0,4}}?(?:an?{_W})?(?:\w+{_W}){{0,2}}?"
            r"(?:ai|language model|chatbot|chatgpt)\b"
            rf"|\bwho{_W}has{_W}no{_W}rules\b|\b(?:god|dan|unrestricted){_W}mode\b",
        ),
        (
            "a role without limits",
            0.6,
            rf"\bdo{_W}anything{_W}now\b|\b(?-i:DAN){_W}(?:mode|can|will|is)\b|\bjailbroken{_W}(?:ai|model|mode)\b"
            rf"|\b(?:ai|model|assistant|chatgpt){_W}(?:with(?:out|{_W}no)){_W}(?:\w+{_W}){{0,2}}?(?:ethics|restrictions?|limits?"
            r"|limitations?|filters?|rules|morals|moderation|guidelines)\b"
            rf"|\b(?:break(?:ing)?|broken){_W}(?:\w+{_W}){{0,3}}?(?:character|confines{_W}of{_W}ai)\b"
            rf"|\bdoes{_W}not{_W}follow{_W}any{_W}rules\b|\bzero{_W}moderation\b|\bmust{_W}obey{_W}all\b"
            rf"|\bavoid{_W}detection\b",
        ),
        (
            "keep it from the user",
            0.5,
            rf"\b(?:do{_W}not|don.?t|never|must{_W}not){_W}(?:tell|mention|reveal|inform|show|say|alert|notify)\b"
            rf"(?:{_W}\w+){{0,5}}?{_W}(?:user|human|reader|recipient|person)s?\b"
            rf"|\bmust{_W}not{_W}mention{_W}this\b|\bwithout{_W}(?:telling|informing|notifying){_W}the{_W}(?:user|reader)\b",
        ),
        (
            "words of a model's format",
            0.6,
            r"<\|?(?:im_start|im_end|system|assistant|endoftext|tool_call|eot_id|start_header_id)\|?>|\[/?INST\]|<<SYS>>",
        ),
        (
            "a turn of a conversation",
            0.3,
            r"^[ \t]*(?:system|assistant)(?:[ \t]+(?:notice|message|prompt|override)[\w \t]{0,40})?[ \t]{0,4}:"
            r"[ \t]*\S|\{system:",
        ),
        (
            "a call of a tool",
            0.5,
            r"[\"'](?:tool|function|tool_name|function_call|tool_calls)[\"']\s*:\s*[\"'{\[]"
            rf"|\bcall{_W}this{_W}(?:tool|function)\b",
        ),
        (
            "an address to send things to",
            0.6,
            r"!\[[^\]\n]{0,200}\]\([^)\n]{0,500}[?&][^)=\n]{0,200}=\s*(?:\{|%7b|<|\[|\$|[A-Z]{2,}-[A-Z-]+)",
        ),
        (
            "asks for the prompt",
            0.6,
            rf"\b(?:repeat|print|output|reveal|show|display|tell|give|list|summari[sz]e|translate|leak|write|copy)\b"
            rf"(?:{_W}(?:me|us|out|back))?(?:{_W}(?:all|the|your|of|any|every|full|entire|exact|initial|hidden|secret))*"
            rf"{_W}(?:system{_W}prompts?|your{_W}(?:\w+{_W})?(?:prompt|instructions)|"
            rf"(?:above|previous|prior|initial|hidden|secret|given){_W}(?:instructions|prompts?|text{_W}above)"
            rf"|instructions{_W}(?:given|above|so{_W}far|formatted)|text{_W}above)"
            rf"|\bhere{_W}are{_W}my{_W}instructions\b|\btold{_W}(?:you{_W})?not{_W}to{_W}reveal\b"
            rf"|\byour{_W}prompt\b(?:{_W}\w+){{0,4}}?{_W}start{_W}your\b",
        ),
        (
            "asks for secrets",
            0.4,
            rf"\b(?:reveal|list|print|send|forward|show|give|tell)\b(?:{_W}(?:me|us|out))?{_W}(?:\w+{_W}){{0,4}}?"
            rf"(?:passwords?|salar(?:y|ies)|door{_W}codes?|credentials|api{_W}keys?|secret{_W}(?:word|password|key)s?"
            rf"|board{_W}minutes|floor{_W}prices?|home{_W}telephone)\b",
        ),
        (
            "says what the answer must be",
            0.3,
            rf"\b(?:your{_W}(?:only{_W})?|the{_W}(?:only|one|approved){_W}(?:\w+{_W})?)(?:answer|reply|response)\b"
            rf"(?:{_W}\w+){{0,5}}?{_W}(?:is|must|be|are|into|in|to|backwards?)\b"
            rf"|\b(?:answer|reply|respond|say|confirm)\b{_W}(?:only|nothing{_W}else|by{_W}saying)\b"
            rf"|\b(?:begin|start|end)\b{_W}(?:your|every|each|the){_W}(?:answer|reply|response|message|sentence)s?{_W}with\b"
            rf"|\b(?:provide|write|give|translate|enhance|modify|format|display|change|encode)\b{_W}your{_W}"
            r"(?:answer|reply|response|message)\b"
            rf"|\bin{_W}your{_W}(?:answer|reply|response)\b,?"
            rf"|\banswer{_W}every{_W}question\b|\b(?:when|if){_W}asked{_W}(?:about|whether|for)\b(?:{_W}\w+){{0,5}}?,?{_W}"
            rf"(?:answer|say|state|reply)\b",
        ),
        (
            "has code put into an answer",
            0.4,
            rf"\b(?:includ|embed|insert|incorporat|introduc|integrat|add|utili[sz]|employ|mak|inclusion{_W}of)\w*{_W}"
            rf"(?:\w+{_W}){{0,2}}?(?:following|subsequent|below){_W}code\b",
        ),
    )
}
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "ignore all that came before": ("ignore", "disregard", "forget", "override", "bypass"),
    "ignore what came before": ("ignore", "disregard", "forg", "override", "listen", "attention"),
    "ignore what came before, in another language": (
        "vergiss", "ignor", "missacht", "oubli", "olvid", "dimentica", "negeer", "vergeet",
        "忽略", "无视", "無視", "игнорируй", "забудь",
    ),
    "spoken to a model": (
        "assistant", "bot", "ai", "a.i.", "gpt", "llm", "model", "agent", "automat", "claude", "gemini", "copilot",
    ),
    "a new role": (
        "you", "prompt", "act", "imagine", "pretend", "simulate", "assume", "suppose", "behave", "rules", "mode",
    ),
    "a role without limits": (
        "anything", "dan", "jailbroken", "with", "break", "broken", "any", "zero", "obey", "avoid",
    ),
    "keep it from the user": ("not", "don", "never", "without"),
    "words of a model's format": ("<|", "<s", "<a", "<e", "<t", "<i", "inst]"),
    "a turn of a conversation": ("system", "assistant"),
    "a call of a tool": ("tool", "function"),
    "an address to send things to": ("![",),
    "asks for the prompt": ("prompt", "instructions", "above", "reveal"),
    "asks for secrets": (
        "password", "salar", "code", "credential", "key", "secret", "minutes", "price", "telephone",
    ),
    "says what the answer must be": ("answer", "reply", "respon", "message", "say", "confirm", "sentence", "asked"),
    "has code put into an answer": ("code",),
}  # fmt: skip
"""Words without one of which a pattern fits nothing; to look for a word costs a hundredth of a pattern."""
_ENCODED = re.compile(
    r"(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/]{4}){8,500}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?![A-Za-z0-9+/=])"
)
_MOST_ENCODED = 200
_WORD = re.compile(r"\w+")
_OTHERS = re.compile("[\u0370-\u052f]")
_TAKEN_FOR = str.maketrans(
    "аеорсухіѕјԁһԛԝαοινρτυκАВЕКМНОРСТХІЅЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxisjdhqwaoivptukABEKMHOPCTXISJABEZHIKMNOPTYX"
)
"""Letters of other alphabets that are read as Latin ones."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What of a text reads like orders."""

    patterns: tuple[str, ...] = ()
    """By name, in the order of the patterns."""
    weight: float = 0.0
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def severity(self) -> Severity:
        """Return how severe all of it is together."""
        return severity_of(self.weight)


def orders(text: str) -> Orders:
    """Return what of a text reads like orders to a model; the time is linear in its length."""
    looked_at = _plain(text[:LONGEST])
    small = looked_at.lower()
    found: dict[str, list[tuple[int, int]]] = {}
    for name, (_, pattern) in _PATTERNS.items():
        if not any(word in small for word in _NEEDS[name]):
            continue
        for match in pattern.finditer(looked_at):
            places = found.setdefault(name, [])
            places.append(match.span())
            if len(places) == _SAME_PATTERN:
                break
    for number, match in enumerate(_ENCODED.finditer(looked_at)):
        if number == _MOST_ENCODED:
            break
        for name in _encoded(match[0]):
            found.setdefault(name, []).append(match.span())
    spans = sorted({span for places in found.values() for span in places})[:MOST_SPANS]
    return Orders(tuple(name for name in _PATTERNS if name in found), weight_of(found), tuple(spans))


def severity_of(weight: float) -> Severity:
    """Return how severe patterns of this weight are."""
    return "high" if weight >= HIGH else "medium" if weight >= MEDIUM else "low"


def weight_of(names: Collection[str]) -> float:
    """Return how much patterns weigh together; a name that is not known weighs nothing."""
    known = {name for name in names if name in _PATTERNS}
    if "ignore all that came before" in known:
        known.discard("ignore what came before")
    return round(sum(_PATTERNS[name][0] for name in known), 2)


def orders_in(text: str) -> tuple[str, ...]:
    """Return the names of the patterns that a text has, in their order."""
    return orders(text).patterns


def _encoded(text: str) -> tuple[str, ...]:
    """Return the patterns that encoded text has."""
    try:
        plain = base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ()
    return tuple(name for name, (_, pattern) in _PATTERNS.items() if pattern.search(_plain(plain)))


def _plain(text: str) -> str:
    """Return a text of the same length in which letters that look Latin are."""
    if text.isascii():
        return text
    wide = {
        ord(one): plain
        for one in set(text)
        if not one.isascii() and len(plain := unicodedata.normalize("NFKC", one)) == 1
    }
    text = text.translate(wide)
    return _WORD.sub(_latin, text) if _OTHERS.search(text) else text


def _latin(word: re.Match[str]) -> str:
    """Return a word as it is read, where all of it can be read as Latin letters."""
    plain = word[0].translate(_TAKEN_FOR)
    return plain if plain.isascii() else word[0]
