"""The script of the story: who asks what in `demo.toml` of the sample company."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muniment.foundation.errors import BadInput


@dataclass(frozen=True, slots=True)
class Question:
    """One question and the people who ask it."""

    text: str
    askers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Revocation:
    """Someone leaves a group and asks again."""

    user: str
    group: str
    question: str


@dataclass(frozen=True, slots=True)
class Poison:
    """A document that gives orders, and a question that makes it be read."""

    asker: str
    question: str
    document: str
    order: str
    """Its orders, word for word; empty: the sentences that address an assistant."""


@dataclass(frozen=True, slots=True)
class ToldCall:
    """A call that is proposed."""

    tool: str
    arguments: Mapping[str, Any]
    of_the_mail: tuple[str, ...] = ()
    """Places of the arguments whose values a mail named."""

    def words(self) -> str:
        """Return its arguments in one line."""
        values = (one if isinstance(one, list) else [one] for one in self.arguments.values())
        return ", ".join(str(one) for several in values for one in several)


@dataclass(frozen=True, slots=True)
class ToldActions:
    """What is done, what a mail orders, and what runs by itself."""

    asker: str
    approver: str
    mail: str
    refund: ToldCall
    orders: tuple[ToldCall, ...]
    """The first is left waiting, the last is rejected."""
    harmless: ToldCall


@dataclass(frozen=True, slots=True)
class Script:
    """The whole story."""

    company: Path
    questions: tuple[Question, ...]
    revocation: Revocation
    poisons: tuple[Poison, ...]
    actions: ToldActions
    explain: Question

    @property
    def documents(self) -> Path:
        """The company's folder."""
        return self.company / "documents"

    @property
    def directory(self) -> Path:
        """The company's directory file."""
        return self.company / "directory.toml"

    def people(self) -> list[str]:
        """Everyone who plays a part, in order of appearance."""
        names = [name for question in self.questions for name in question.askers]
        more = [*(poison.asker for poison in self.poisons), self.actions.asker, self.actions.approver]
        return list(dict.fromkeys([*names, *more]))


def read_script(company: Path) -> Script:
    """Read `demo.toml`; raises BadInput naming what is missing."""
    path = company / "demo.toml"
    try:
        told = tomllib.loads(path.read_text("utf-8"))
        return Script(
            company,
            tuple(Question(q["text"], tuple(q["askers"])) for q in told["questions"]),
            Revocation(**told["revocation"]),
            tuple(_poison(poison) for poison in (told["poison"], *told.get("orders", ()))),
            _actions(told["actions"]),
            Question(told["explain"]["question"], (told["explain"]["asker"],)),
        )
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(
            f"{path} does not tell the story ({error}).", fix="Restore it from the release."
        ) from error


def _poison(told: Mapping[str, Any]) -> Poison:
    return Poison(told["asker"], told["question"], told["document"], told.get("order", ""))


def _actions(told: Mapping[str, Any]) -> ToldActions:
    orders = tuple(_call(one) for one in told["orders"])
    refund, harmless = _call(told["refund"]), _call(told["harmless"])
    return ToldActions(told["asker"], told["approver"], told["mail"], refund, orders, harmless)


def _call(told: Mapping[str, Any]) -> ToldCall:
    return ToldCall(told["tool"], told["arguments"], tuple(told.get("of_the_mail", ())))
