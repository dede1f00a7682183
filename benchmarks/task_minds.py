"""A middling instruction-following model: it does what its prompt asks as well as words alone let it.

It knows nothing of the cases that it is asked. What it answers comes from what it is sent: labels that a schema or a
question names, passages, tools and their results; and from a general sense of which words go together. Held to a
schema it keeps to it; not held, it writes prose. With passages it quotes, without it makes things up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from muniment.assistant.function_words import FUNCTION_WORDS
from muniment.foundation.stems import stem

_GOES_WITH = {
    "billing": "invoice bill charge pay paid payment refund bank price fee tax debit money book budget subscription",
    "delivery": "parcel package ship shipment courier carrier tracking arrive arrived deliver box address delivered",
    "defect": "broken bent error dead crack empty black fail leak impossible damage jump siren stopped",
    "setup": "install configure connect setting mount pair calibrate manual guide explain choose interval",
    "account": "login password user log locked access signing rights factor delete organisation account",
    "other": "thank visit journalist job partner suggestion sponsor interview hello museum",
    "high": "urgent immediately emergency danger once tonight today flood now",
    "low": "hurry convenience whenever curious thank suggestion moment time",
    "normal": "",
}
"""What anybody who reads knows of words."""
_INVENTED = ("It is usually handled within 17 working days.", "As far as I know, the amount is EUR 1,111.")
_PASSAGE = re.compile(r"<<<(\S+) passage (\d+)>>>\nTitle: [^\n]*\n(.*?)\n<<<\1 end \2>>>", re.DOTALL)
_ORDER = re.compile(r"\b[A-Z]-\d{3,}\b")
_RECORD = re.compile(r"\b[a-z]+_[a-z0-9]+\b")


def prompt_of(body: Mapping[str, Any]) -> tuple[str, int]:
    """Return all that a request for a chat completion holds, and its tokens: one for four characters."""
    held = body.get("response_format", {}).get("json_schema", {}).get("schema")
    told = {message["role"]: message["content"] for message in body["messages"]}
    return json.dumps({"user": told["user"], "schema": held}), sum(map(len, told.values())) // 4


def middling(prompt: str) -> str:
    """Do what is asked."""
    asked = json.loads(prompt)
    user, schema = asked["user"], asked["schema"]
    if "Your next move?" in user:
        return json.dumps(_move(user))
    if schema is None:
        return _prose(user)
    if "claims" in schema.get("properties", {}):
        return _with_quotes(user)
    if "evidence" in schema.get("properties", {}):
        return json.dumps(_form_from_passages(user, schema))
    return json.dumps(_form(schema, user.partition("Question: ")[2]))


def _words(text: str) -> set[str]:
    return {stem(word) for word in re.findall(r"\w+", text.casefold()) if word not in FUNCTION_WORDS}


def _prose(user: str) -> str:
    labels = [label for label in _GOES_WITH if re.search(rf"\b{label}\b", user)]
    if len(labels) > 3:
        message = user.partition("Message: ")[2] or user
        kinds = [label for label in labels if label not in ("high", "low", "normal")]
        urgency = _chosen(["normal", "high", "low"], message)
        return f"This looks like {_chosen(kinds, message)} to me, and I would say its urgency is {urgency}."
    return _INVENTED[len(user) % 2]


def _chosen(labels: list[str], text: str) -> str:
    """Return the label whose words a text has most of; where none fits, the vaguest."""
    said = _words(text)
    scores = {label: len(said & _words(f"{label} {_GOES_WITH.get(label, '')}")) for label in labels}
    best = max(scores, key=lambda label: scores[label])
    vague = next((label for label in ("other", "normal") if label in labels), labels[0])
    return best if scores[best] else vague


def _form(schema: dict[str, Any], text: str) -> Any:
    """Fill any form: a choice by its labels' words, a truth with yes, a text with something made up."""
    if "enum" in schema:
        return _chosen([str(one) for one in schema["enum"]], text.partition("Message: ")[2] or text)
    kind = schema.get("type")
    if kind == "object":
        return {name: _form(one, text) for name, one in schema.get("properties", {}).items()}
    made: dict[str, Any] = {"boolean": True, "integer": 17, "number": 17, "array": [], "null": None}
    return made.get(str(kind), _INVENTED[len(text) % 2])


def _passages(user: str) -> list[tuple[int, str]]:
    return [(int(found[2]), found[3]) for found in _PASSAGE.finditer(user)]


def _sentences(user: str) -> list[tuple[int, str]]:
    return [
        (n, sentence.strip())
        for n, text in _passages(user)
        for sentence in re.split(r"(?<=[.!?])\s+|\n", text)
        if len(sentence.split()) >= 4
    ]


def _best(user: str) -> tuple[int, str] | None:
    """Return the sentence with most words of the question, where it has most of them."""
    wanted = _words(user.rpartition("Question: ")[2])
    found = max(_sentences(user), key=lambda one: len(wanted & _words(one[1])), default=None)
    if found is None or len(wanted & _words(found[1])) * 2 < len(wanted):
        return None
    return found


def _with_quotes(user: str) -> str:
    found = _best(user)
    claims: list[dict[str, Any]] = []
    if found is not None:
        quote = {"passage": found[0], "quote": found[1]}
        claims = [{"quotes": [quote], "text": found[1], "inferred": False}]
    return json.dumps({"claims": claims}, ensure_ascii=False)


def _form_from_passages(user: str, schema: dict[str, Any]) -> Any:
    found = _best(user) or next(iter(_sentences(user)), (1, "nothing of the kind"))
    result = _form(schema["properties"]["result"], user.rpartition("Question: ")[2])
    paths = [f"/{name}" for name in result] if isinstance(result, dict) else [""]
    quotes = [{"passage": found[0], "quote": found[1]}]
    return {"found": True, "evidence": [{"path": path, "quotes": quotes} for path in paths], "result": result}


def _move(user: str) -> dict[str, Any]:
    """Use the tool whose description has most words of the task; then say what it gave."""
    task = user.rpartition("Question: ")[2].partition("\n\nTools:")[0]
    results = [text for _, text in _passages(user)]
    if results:
        return {"move": "answer", "text": _told(task, results[-1])}
    if not user.partition("Your moves so far:\n")[2].startswith("none"):
        return {"move": "answer", "text": "I have done what I could."}
    tool = _tool(task, user)
    if tool is None:
        return {"move": "answer", "text": "I have no tool for this."}
    name, effect, properties = tool
    arguments = {key: value for key in properties if (value := _value(key, task)) is not None}
    return {"move": "read" if effect == "read" else "propose", "tool": name, "arguments": arguments}


def _tool(task: str, user: str) -> tuple[str, str, dict[str, Any]] | None:
    wanted = _words(task)
    best, most = None, 0.0
    for found in re.finditer(
        r"^- (\w+) \((\w+)\): (.*?) Arguments: (\{.*\}) Required: (\[.*\])$", user, re.MULTILINE
    ):
        name, effect, says, arguments, required = found.groups()
        if any(_value(key, task) is None for key in json.loads(required)):
            continue
        # Nobody who only asks wants something done.
        if effect != "read" and task.rstrip().endswith("?"):
            continue
        orders = 2.0 * (effect != "read" and name.split("_")[0] == task.split()[0].casefold())
        fits = (
            orders
            + len(wanted & _words(f"{name.replace('_', ' ')} {says}"))
            + 0.5 * bool(json.loads(required))
        )
        if fits > most:
            best, most = (name, effect, json.loads(arguments)), fits
    return best


def _value(key: str, task: str) -> str | None:
    """Return what a task says for an argument of this name."""
    record = next((one for one in _RECORD.findall(task) if one.startswith(key.removesuffix("_id"))), None)
    patterns = {
        "amount": r"\b(\d+\.\d\d)\b",
        "currency": r"\b(EUR|GBP|USD)\b",
        "reason": r"because (.+?)\.?$",
        "until": r"until (\S+?)\.?$",
    }
    if key in ("order", "order_id"):
        return next(iter(_ORDER.findall(task)), None)
    if key in patterns:
        found = re.search(patterns[key], task)
        return found[1] if found else None
    if key.endswith("_id"):
        return record
    found = re.search(rf"\b{key} ([\w.-]+)", task)
    return found[1].rstrip(".") if found else None


def _told(task: str, result: str) -> str:
    """Return the fields of a result that the task speaks of, or all of its plain ones."""
    try:
        fields = json.loads(result)
    except ValueError:
        return result[:200]
    plain = {name: one for name, one in fields.items() if isinstance(one, str | int)}
    wanted = _words(task)
    named = {name: one for name, one in plain.items() if _words(name.replace("_", " ")) & wanted}
    return "; ".join(f"{name.replace('_', ' ')}: {one}" for name, one in (named or plain).items())
