"""Somebody who has a keyboard and nothing else, at any page: what they reach, and whether they see where they are."""

from __future__ import annotations

from typing import Any

_STOPS = """
  const seen = one => one.checkVisibility({visibilityProperty: true}) && one.getBoundingClientRect().width > 0;
  const groups = new Set();
  const stops = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]')].filter(one => {
    if (one.tabIndex < 0 || one.disabled || !seen(one)) return false;
    if (one.type !== 'radio') return true;
    return !groups.has(one.name) && groups.add(one.name);
  });
"""
_AHEAD = (
    "([selector, text]) => {"
    + _STOPS
    + """
  const is = one => one.matches(selector)
    && (!text || `${one.textContent} ${one.getAttribute('aria-label') ?? ''}`.includes(text));
  if (is(document.activeElement)) return 0;
  const ahead = stops.filter(one => document.activeElement.compareDocumentPosition(one) & 4);
  return 1 + Math.max(0, ahead.findIndex(is));
}"""
)
"""By how many presses of Tab something seems to be away: stops inside an element are not counted."""
_TOP = """() => {
  scrollTo(0, 0);
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute('tabindex');
}"""
_WATCH = (
    "() => {"
    + _STOPS
    + """
  stops.forEach((one, at) => one.dataset.stop = String(at));
  globalThis.stood = [];
  const outlined = one => {
    const {outlineStyle, outlineWidth} = getComputedStyle(one);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  };
  document.addEventListener('keyup', () => {
    const one = document.activeElement;
    const is = one.outerHTML.slice(0, 120);
    if (one === document.body) return globalThis.stood.push({at: 'end', is: 'end', marked: true, shown: true});
    const {top, bottom, left, right} = one.getBoundingClientRect();
    const group = one.type === 'radio' ? [...document.getElementsByName(one.name)] : [one];
    globalThis.stood.push({
      at: group.map(each => each.dataset.stop).find(Boolean) ?? null, is,
      marked: outlined(one) || Boolean(one.closest('form:focus-within') && outlined(one.closest('form'))),
      shown: bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
    });
  });
  return stops.map(one => one.outerHTML.slice(0, 120));
}"""
)


def go(page: Any, selector: str, text: str = "", most: int = 200) -> None:
    """Go on by Tab to what a selector means, and whose words or label hold a text."""
    for _ in range(most):
        away = page.evaluate(_AHEAD, [selector, text])
        if not away:
            return
        for _ in range(away):
            page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector} {text!r} of {page.url}")


def press(page: Any, selector: str, text: str = "", key: str = "Enter") -> None:
    """Go to something and press a key on it."""
    go(page, selector, text)
    page.keyboard.press(key)


def follow(page: Any, selector: str, text: str = "") -> None:
    """Go to something that leads to another page, press Enter on it, and wait for that page."""
    go(page, selector, text)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def write(page: Any, selector: str, text: str) -> None:
    """Go to a field and write into it, in place of what it holds."""
    go(page, selector)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def choose(page: Any, selector: str, value: str) -> None:
    """Go to a list to choose from and step through it by its arrows."""
    go(page, selector)
    page.keyboard.press("Home")
    for _ in range(200):
        if page.evaluate("document.activeElement.value") == value:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"The arrows do not reach {value} in {selector}")


def hindrances(page: Any) -> list[str]:
    """Walk through the whole page that is open; return what is not reached, and where focus is not seen."""
    page.evaluate(_TOP)
    reachable = page.evaluate(_WATCH)
    stood: list[dict[str, Any]] = []
    missing = set(range(len(reachable)))
    for _ in range(3):
        for _ in range(len(missing) + 1):
            page.keyboard.press("Tab")
        stood = page.evaluate("globalThis.stood")
        missing -= {int(one["at"]) for one in stood if (one["at"] or "end") != "end"}
    wrong = [f"not reached: {reachable[at]}" for at in sorted(missing)]
    if "skip" not in stood[0]["is"]:
        wrong.append(f"the first stop is no way past the head: {stood[0]['is']}")
    wrong += [f"no outline: {one['is']}" for one in stood if not one["marked"]]
    return wrong + [f"out of sight: {one['is']}" for one in stood if not one["shown"]]


def skips(page: Any) -> bool:
    """Return whether the first stop of the page leads past its head."""
    page.evaluate(_TOP)
    for key in ("Tab", "Enter", "Tab"):
        page.keyboard.press(key)
    return bool(page.evaluate("document.querySelector('#main').contains(document.activeElement)"))
