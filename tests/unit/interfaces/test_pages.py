"""The sentences, colours and templates of the pages."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from muniment.interfaces.setting_up.first_run import STEPS
from muniment.interfaces.web.openings import OPENINGS
from muniment.interfaces.web.rendering import render, say, sentences
from muniment.interfaces.web.static_files import assets

WEB = Path(str(files("muniment.interfaces.web")))
TEMPLATES = {str(one): one.read_text("utf-8") for one in (WEB / "templates").rglob("*.html")}
CODE = "\n".join(
    e.read_text("utf-8") for e in [*WEB.rglob("*.py"), *(WEB.parent / "setting_up").rglob("*.py")]
)
MADE_UP = {f"chain.{key}" for key in ("prompt_tokens", "completion_tokens")}
MADE_UP |= {f"nav.{one.key.replace('.', '_')}" for one in OPENINGS} | {f"nav.{one.area}" for one in OPENINGS}
MADE_UP |= {f"setup.{step}" for step in STEPS}
_BEGUN = ("place.", "document.leaf_", "span.", "outcome.", "entries.bad_", "chain.check_", "chain.sensitive_")
MADE_UP |= {key for key in sentences() if key.startswith((*_BEGUN, "chain.status_"))}


def test_every_sentence_is_said_and_every_one_said_exists() -> None:
    said = set(re.findall(r"""\bt\(['"]([a-z_.]+)['"]""", "\n".join(TEMPLATES.values())))
    said |= {key for key in re.findall(r'"([a-z]+\.[a-z_]+)"', CODE) if key in sentences()}
    said = {key for key in said if not key.endswith(".")}
    begun = {key for key in said if key.endswith("_")}
    said = (said - begun) | {key for key in sentences() if key.startswith(tuple(begun))}
    assert all(any(key.startswith(one) for key in sentences()) for one in begun)
    assert said | MADE_UP == set(sentences())


def test_an_unknown_sentence_or_a_missing_place_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("page.none")
    with pytest.raises(KeyError):
        say("page.title")


def test_what_is_filled_in_is_escaped() -> None:
    page = render("problem.html", "<b>", heading="<script>", why='"><img src=x>')
    assert "<script>" not in page and "<img" not in page and "<b>" not in page


def test_templates_hold_no_script_no_style_and_mark_nothing_safe() -> None:
    for name, text in TEMPLATES.items():
        assert not re.search(r"\|\s*safe|autoescape|Markup|\sstyle=|\son[a-z]+=|<style|javascript:", text), (
            name
        )
        for tag in re.findall(r"<script[^>]*>(.*?)</script>", text):
            assert tag == "", name
        for address in re.findall(r'(?:src|href|action)="([^"]*)"', text):
            assert address.startswith(("/", "#", "{{")), (name, address)


def test_scripts_never_parse_markup() -> None:
    for name, asset in assets().items():
        if name.endswith(".js"):
            source = asset.content.decode()
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser",
                source,
            ), name
        assert b"//" not in re.sub(
            rb"^\s*//.*$|/\*\*?.*?\*/|http://www.w3.org/2000/svg", b"", asset.content, flags=re.M
        )


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_every_ground_it_is_set_on(scheme: str) -> None:
    css = assets()["muniment.css"].content.decode()
    roots = re.findall(r":root \{(.*?)\}", css, re.S)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", roots[0]))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", roots[1]))
    for ground in ("paper", "sheet", "sunk"):
        for ink in ("ink", "ink-soft", "accent", "accent-strong", "caution"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for ink, ground in (("on-accent", "accent"), ("on-accent", "accent-strong"), ("on-mark", "mark")):
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    assert contrast(colours["rule-strong"], colours["sheet"]) >= 3.0


def test_no_part_of_the_stylesheet_styles_a_class_of_another_part() -> None:
    styled: dict[str, set[str]] = {}
    for part in sorted((WEB / "styles").glob("*.css")):
        text = re.sub(r"/\*.*?\*/|:is\([^()]*\)", "", part.read_text("utf-8"), flags=re.S)
        for selectors in re.findall(r"([^{}]+)\{", text):
            for one in selectors.split(","):
                if re.fullmatch(r"\.[a-z-]+", one.strip()):
                    styled.setdefault(one.strip(), set()).add(part.name)
    # The last part changes others for small windows, print and the like.
    assert {name: where for name, where in styled.items() if len(where - {"99-media.css"}) > 1} == {}
