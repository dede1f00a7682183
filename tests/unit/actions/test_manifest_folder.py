"""Manifests of a folder come with their addresses, each after the tool that undoes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from muniment.actions.manifest_folder import manifest_texts
from muniment.foundation.errors import BadInput


def folder(tmp_path: Path, **tools: str) -> Path:
    for name, undo in tools.items():
        text = f'name = "{name}"\n[runs]\nurl = "{{shop}}/{name}"\n'
        (tmp_path / f"{name}.toml").write_text(text + (f'[undo]\ntool = "{undo}"\n' if undo else ""))
    return tmp_path


def test_the_address_of_a_system_is_written_in(tmp_path: Path) -> None:
    [text] = manifest_texts(folder(tmp_path, pay=""), {"shop": "https://shop.example/v1/"})
    assert 'url = "https://shop.example/v1/pay"' in text
    [text] = manifest_texts(tmp_path, {"other": "https://other.example"})
    assert 'url = "{shop}/pay"' in text


@pytest.mark.parametrize(
    "address", ["", "shop.example", 'https://x"\neffect = "read', "https://x/?a", "https://a@b"]
)
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(BadInput, match="shop"):
        manifest_texts(folder(tmp_path, pay=""), {"shop": address})


def test_a_tool_comes_after_the_one_that_undoes_it(tmp_path: Path) -> None:
    texts = manifest_texts(folder(tmp_path, a="b", b="c", c="", d="elsewhere", e="e"), {})
    names = [text.split('"')[1] for text in texts]
    assert names.index("c") < names.index("b") < names.index("a") and {"d", "e"} < set(names)


def test_tools_that_undo_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="undo each other"):
        manifest_texts(folder(tmp_path, a="b", b="a"), {})


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "pay.toml").write_text("name = ")
    with pytest.raises(BadInput, match=r"pay\.toml"):
        manifest_texts(tmp_path, {})
