"""A page walked through with the tab key: everything is reached, and one sees where one is."""

from typing import Any

from playwright.sync_api import Page

_BEGIN = """(part) => {
  const root = document.querySelector(part);
  const can = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const groups = new Set();
  const all = [...root.querySelectorAll(can)].filter((e) => {
    if (e.disabled || e.type === "hidden" || !e.checkVisibility({ visibilityProperty: true })) return false;
    if (e.type !== "radio") return true;
    const known = groups.has(e.name);  // one of a group is reached by the tab key, the others by the arrows
    groups.add(e.name);
    return !known;
  });
  root.tabIndex = -1;
  root.focus();
  const walk = { all, reached: new Set(), unseen: [] };
  document.addEventListener("focusin", (event) => {
    const e = event.target, style = getComputedStyle(e), box = e.getBoundingClientRect();
    walk.reached.add(e.type === "radio" ? e.name : e);
    const is_shown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const is_there = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    if (!is_shown || !is_there) walk.unseen.push(e.outerHTML.slice(0, 120));
  });
  window.walkByKeyboard = walk;
  return all.length + 8 * root.querySelectorAll("input[type='datetime-local']").length;
}"""
_END = """() => {
  const walk = window.walkByKeyboard;
  const missed = walk.all.filter((e) => !walk.reached.has(e.type === "radio" ? e.name : e));
  return { missed: missed.map((e) => e.outerHTML.slice(0, 120)), unseen: walk.unseen };
}"""


def walk(page: Page, part: str = "body") -> dict[str, list[str]]:
    """Press the tab key as often as there is something to reach in a part of a page.

    Returns:
        What was ``missed``, as by a trap, and where nobody saw that it has the focus (``unseen``).
    """
    for _ in range(int(page.evaluate(_BEGIN, part)) + 2):
        page.keyboard.press("Tab")
    found: Any = page.evaluate(_END)  # Any: what a script returns
    return {"missed": list(found["missed"]), "unseen": list(found["unseen"])}
