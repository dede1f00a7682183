"""How an answer came about as a chain: each stage in a sentence, with what took part in it behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from muniment.assistant.lineage import NOT_RECORDED, Explanation
from muniment.assistant.stages import Took
from muniment.assistant.values import Claim
from muniment.governance.audit.entry import Json
from muniment.inference.catalog import QUOTES
from muniment.interfaces.web.asking.views import Fact
from muniment.interfaces.web.rendering import say
from muniment.interfaces.web.wording import minute

_TAKEN_OUT = ("quote", "fact", "inference", "support")
"""Reasons, in the order of the checks."""


@dataclass(frozen=True, slots=True)
class Considered:
    """A passage that search found."""

    n: str
    title: str
    """Says that it is withheld where its document may not be read now."""
    version: str
    state: str
    score: str
    href: str = ""
    cited: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A stage."""

    key: str
    title: str
    said: str
    at: str = ""
    """When, in words; empty where nothing holds it."""
    words: str = ""
    """What a person wrote, as it was written."""
    facts: tuple[Fact, ...] = ()
    passages: tuple[Considered, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    """Each with what is said of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How the question was put, and by whom."""

    question: str
    """As it was asked."""
    name: str
    titles: Mapping[str, str]
    """Of the documents that the reader may read now."""


def chain(found: Explanation, took: Took, asked: Asked) -> tuple[Node, ...]:
    """Return the stages, the first one first."""
    lineage = found.lineage
    return (
        _question(found, took, asked),
        _who(found, asked),
        _search(lineage, took, asked.titles),
        _prompt(lineage),
        _model(lineage, took),
        _checks(found, took),
        _released(found, took),
    )


def _question(found: Explanation, took: Took, asked: Asked) -> Node:
    rewritten = found.question != asked.question
    facts: list[Fact] = []
    if rewritten:
        facts += [
            Fact(say("chain.answered_as"), (found.question,)),
            *_of(found.lineage, "rewritten_by", "chain.rewritten_by"),
        ]
    said = say("chain.question_rewritten") if rewritten else ""
    at = took.asked_at or found.at
    return Node("question", say("chain.question"), said, _moment(at), asked.question, tuple(facts))


def _who(found: Explanation, asked: Asked) -> Node:
    facts = [
        Fact(say("chain.account"), (found.principal,)),
        *_of(found.lineage, "acted_by", "chain.acted_by"),
        *_of(found.lineage, "policy", "chain.policy", missing=True),
    ]
    return Node("who", say("chain.who"), say("chain.who_said", name=asked.name), facts=tuple(facts))


def _search(lineage: Mapping[str, Json], took: Took, titles: Mapping[str, str]) -> Node:
    listed = cast("Sequence[Mapping[str, Json]]", lineage.get("passages") or ())
    passages = tuple(_passage(one, titles) for one in listed)
    cited = sum(one.cited for one in passages)
    withheld = sum(not one.href for one in passages)
    said = say("chain.search_said", found=len(passages), cited=cited)
    if not passages:
        said = say("chain.search_nothing")
    elif withheld:
        said = " ".join((said, say("chain.search_withheld", withheld=withheld)))
    facts = [
        *_of(lineage, "chunking", "chain.chunking", missing=True),
        *_each(lineage, "index", "chain.index"),
        *_of(lineage, "most_passages", "chain.most_passages"),
        *_each(lineage, "filters", "chain.filters"),
    ]
    at = _moment(took.searched_at) if took.searched_at else ""
    return Node("search", say("chain.search"), said, at, facts=tuple(facts), passages=passages)


def _passage(one: Mapping[str, Json], titles: Mapping[str, str]) -> Considered:
    title = titles.get(str(one.get("document")))
    if one.get("withheld") or title is None:
        return Considered(str(one.get("n")), say("chain.withheld"), "", "", "")
    cited, sent = bool(one.get("cited")), bool(one.get("sent", True))
    state = say("chain.cited" if cited else "chain.considered" if sent else "chain.not_sent")
    score, version = one.get("score"), str(one.get("version"))
    return Considered(
        n=str(one.get("n")),
        title=title,
        version=version,
        state=state,
        score=f"{score:.2f}" if isinstance(score, (int, float)) else "",
        href=f"/documents/{one['document']}?version={version}",
        cited=cited,
    )


def _prompt(lineage: Mapping[str, Json]) -> Node:
    settings = lineage.get("settings")
    named = tuple(settings) if isinstance(settings, Mapping) else (say("chain.not_recorded"),)
    facts = [
        *_of(lineage, "schema", "chain.schema"),
        # Their digests say nothing to a person.
        Fact(say("chain.settings"), named or (say("chain.as_shipped"),), technical=bool(named)),
    ]
    said = say("chain.prompt_said", prompt=lineage.get("prompt") or say("chain.not_recorded"))
    return Node("prompt", say("chain.prompt"), said, facts=tuple(facts))


def _model(lineage: Mapping[str, Json], took: Took) -> Node:
    endpoint = lineage.get("endpoint")
    about = endpoint if isinstance(endpoint, Mapping) else {}
    quotes = about.get("kind") == QUOTES
    tokens = tuple(
        say(f"chain.{name}", number=f"{many:,}")
        for name in ("prompt_tokens", "completion_tokens")
        if isinstance(many := took.usage.get(name), (int, float))
    )
    facts = [
        Fact(say("chain.endpoint"), (str(lineage.get("model") or NOT_RECORDED),), technical=True),
        *_of(lineage, "instead_of", "chain.instead_of"),
        *([] if quotes else _each(about, "parameters", "chain.parameters")),
        *([Fact(say("chain.tokens"), tokens)] if tokens and not quotes else []),
        *_each(lineage, "parts", "chain.parts"),
    ]
    if not about:
        facts.append(Fact(say("chain.parameters"), (say("chain.not_recorded"),)))
    named = str(lineage.get("model") or NOT_RECORDED)
    said = say("chain.model_quotes") if quotes else say("chain.model_said", model=named)
    return Node("model", say("chain.model"), said, facts=tuple(facts))


def _checks(found: Explanation, took: Took) -> Node:
    checks = found.lineage.get("checks")
    if not isinstance(checks, Mapping):
        return Node("checks", say("chain.checks"), say("chain.not_recorded"))
    reasons = checks.get("reasons")
    counted: Mapping[str, Json] = reasons if isinstance(reasons, Mapping) else {}
    facts = [
        Fact(say(f"chain.check_{name}"), (_taken_out(counted.get(name)),)) for name in _TAKEN_OUT
    ]  # fmt: skip
    others = sum(int(str(many)) for name, many in counted.items() if name not in _TAKEN_OUT)
    facts += [Fact(say("chain.check_other"), (_taken_out(others),))] if others else []
    facts.append(Fact(say("chain.check_rights"), (_taken_out(checks.get("withheld")),)))
    for name in ("masked", "dropped", "left_out"):
        if many := checks.get(name):
            facts.append(Fact(say(f"chain.sensitive_{name}"), (f"{many}",)))
    if checks.get("asked_again"):
        facts.append(Fact(say("chain.asked_again"), (say("chain.yes"),)))
    facts += _of(checks, "support", "chain.support")
    out = int(str(checks.get("unverified") or 0)) + int(str(checks.get("withheld") or 0))
    said = say("chain.checks_said", passed=checks.get("released") or 0, out=out)
    at = _moment(took.first_claim_at) if took.first_claim_at else ""
    claims = tuple((claim.text, _how(claim)) for claim in found.claims)
    return Node("checks", say("chain.checks"), said, at, facts=tuple(facts), claims=claims)


def _how(claim: Claim) -> str:
    if claim.inferred:
        return say("chain.claim_inferred")
    whole = any(claim.text.strip() == one.quote.strip() for one in claim.citations)
    return say("chain.claim_quoted" if whole else "chain.claim_supported")


def _taken_out(many: Json) -> str:
    return say("chain.taken_out", number=many) if many else say("chain.all_passed")


def _released(found: Explanation, took: Took) -> Node:
    documents = len({one.document for one in found.citations})
    said = say("chain.released", claims=len(found.claims), documents=documents)
    if found.status != "answered":
        said = say(f"chain.status_{found.status}")
    if found.withheld:
        said = " ".join((said, say("chain.claims_withheld", number=found.withheld)))
    facts = [
        Fact(say("chain.id"), (found.id,), technical=True),
        *_of(found.lineage, "replays", "chain.replays"),
        *_of(found.lineage, "code", "chain.code", missing=True),
        *_of(found.lineage, "source", "chain.source", missing=True),
        Fact(say("chain.on"), (minute(found.at),)),
    ]
    return Node("answer", say("chain.answer"), said, _moment(took.finished_at), facts=tuple(facts))


def _moment(timestamp: str) -> str:
    """Return `09:00:12.345`, since stages follow one another within a second."""
    return timestamp[11:23] or timestamp


def _of(lineage: Mapping[str, Json], key: str, name: str, missing: bool = False) -> list[Fact]:
    """Return a line for what is recorded; with `missing`, one that says so where it is not."""
    value = lineage.get(key)
    if value in (None, "", {}, []):
        return [Fact(say(name), (say("chain.not_recorded"),))] if missing else []
    return [Fact(say(name), (_plain(value),), technical=True)]


def _each(lineage: Mapping[str, Json], key: str, name: str) -> list[Fact]:
    """Return a line that holds each entry of what is recorded."""
    value = lineage.get(key)
    if not isinstance(value, Mapping) or not value:
        return []
    items = tuple(f"{one.replace('_', ' ')}: {_plain(each)}" for one, each in value.items())
    return [Fact(say(name), items, technical=True)]


def _plain(value: Json) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_plain(one) for one in value)
    return say("chain.none") if value is None else str(value)
