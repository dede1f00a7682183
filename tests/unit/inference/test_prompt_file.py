"""A prompt file says what it takes and gives; what does not fit is named with the file and the fault."""

from __future__ import annotations

import pytest

from muniment.foundation.errors import BadInput
from muniment.inference import prompts
from muniment.inference.messages import NumberedPassage
from muniment.inference.prompt_file import check_inputs, fits, parse

FRONT = "name: brief\npurpose: answer\ninputs: question text, passages passages\noutput: claims"
KNOWN = frozenset({"quotes", "house"})
BOUNDARY = "fence_abcdefghij0123456789"


def file(front: str = FRONT, text: str = "Be brief.") -> str:
    return f"---\n{front}\n---\n{text}\n"


def test_a_whole_file_is_read() -> None:
    made = parse(
        file(f"{FRONT}\nabout: Short: answers.\nmodels: house, quotes\nowner: ann"), "prompts/brief.md"
    )
    assert (made.name, made.purpose, made.about, made.owner) == ("brief", "answer", "Short: answers.", "ann")
    assert made.inputs == (("question", "text"), ("passages", "passages"))
    assert (made.models, made.text) == (("house", "quotes"), "Be brief.")
    fits(made, KNOWN)


def test_what_ships_serves_its_purpose() -> None:
    for one in prompts.shipped().values():
        fits(one, KNOWN)


def test_line_ends_change_neither_version_nor_digest() -> None:
    unix, other = parse(file(), "a.md"), parse(file().replace("\n", "\r\n"), "a.md")
    assert (unix.version, unix.digest) == (other.version, other.digest)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (file(FRONT.replace("question text", "question number")), "'question number' is no input"),
        (file(FRONT.replace("question text", "question text, question text")), "is no input"),
        (file(FRONT.replace("brief", "Brief!")), "name is no name"),
        (file(FRONT, "   "), "has no text"),
        (file(f"{FRONT}\nname: other"), "not read: 'name: other'"),
        (file(FRONT, "x" * 60_000), "too long"),
    ],
)
def test_a_faulty_file_is_named_with_its_fault(content: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(content, "prompts/brief.md")
    assert "prompts/brief.md" in str(caught.value) and said in str(caught.value)


@pytest.mark.parametrize(
    ("was", "is_", "said"),
    [
        ("purpose: answer", "purpose: poem", "nothing is asked for the purpose 'poem'"),
        (", passages passages", "", "its inputs are not those"),
        ("question text", "question passages", "its inputs are not those"),
        ("output: claims", "output: json", "its output is not read"),
        ("output: claims", "output: claims\nmodels: nowhere", "there is no model 'nowhere'"),
    ],
)
def test_what_cannot_serve_its_purpose_is_refused(was: str, is_: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        fits(parse(file(FRONT.replace(was, is_)), "prompts/brief.md"), KNOWN)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"question": "Why?"}, "prompts/brief.md lacks the input 'passages'"),
        ({"question": "Why?", "passages": (), "tone": "x"}, "prompts/brief.md takes no input 'tone'"),
        ({"question": 7, "passages": ()}, "prompts/brief.md: the input 'question' is not text"),
        ({"question": "Why?", "passages": ("text",)}, "the input 'passages' is not passages"),
    ],
)
def test_a_missing_unknown_or_wrong_input_is_named_with_its_file(
    values: dict[str, object], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        check_inputs(parse(file(), "prompts/brief.md"), values)


def test_a_prompt_that_takes_no_passages_is_never_sent_with_some() -> None:
    made = parse(file("name: bare\npurpose: answer\ninputs: question text"), "bare.md")
    with pytest.raises(BadInput, match=r"bare\.md takes no input 'passages'"):
        prompts.request(made, "Why?", (NumberedPassage(1, "T", "", "x"),), BOUNDARY)


def test_values_stand_beside_the_text_whatever_either_holds() -> None:
    made = parse(file(text="Say {question} and {{ passages }} ${HOME} %s."), "x.md")
    sent = prompts.request(made, "{{ 7 * 7 }}", (NumberedPassage(1, "T", "", "{question}"),), BOUNDARY)
    assert sent.instructions == "Say {question} and {{ passages }} ${HOME} %s."
    assert "{{ 7 * 7 }}" in prompts.user_text(sent) and "\n{question}\n" in prompts.user_text(sent)
