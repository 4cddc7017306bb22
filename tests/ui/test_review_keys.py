"""What keys do on the reviewers' page, and that it speaks its language and tells nothing before its time."""

import re
from typing import Any

import pytest
from browsing import needs_browser
from review_people import CASES, Reviewer, Site, joined
from review_samples import open_services

pytestmark = needs_browser


def test_no_press_meant_for_the_last_case_shows_names(browser: Any, site: Site) -> None:
    person = Reviewer(browser, site, site.tokens[0])
    keys, store = person.page.keyboard, open_services(site.folder / "home", site.folder)
    for _ in range(CASES):
        person.fill()
        person.enter()
    for key in ("Enter", "Enter", "r", " "):  # a second press of Enter, and the right key before the page was read
        keys.press(key)
    person.page.evaluate("document.querySelector('#me-rv-reveal').click()")
    person.page.wait_for_selector("#me-rv-reveal:enabled")
    keys.press("Enter")
    person.page.wait_for_timeout(300)
    assert person.page.locator(".me-rv-last").count() == 1
    seat = store.reviewing.store.seat(site.tokens[0])
    assert seat is not None and seat.finished is None
    keys.press("Backspace")
    person.page.wait_for_selector(".me-rv-card")
    keys.press("Enter")
    person.page.wait_for_selector(".me-rv-last")
    person.reveal()
    assert person.page.evaluate(f"fetch('{site.tokens[0]}/stop').then(r => r.json()).then(s => s.finished)")
    assert person.faults == []
    store.close()
    person.context.close()


FLAGS = [
    # keys after the first answer has its five marks, flags of the four answers, columns with a first mark
    ("d", [1, 0, 0, 0], [1, 0, 0, 0]),
    ("dd", [0, 0, 0, 0], [1, 0, 0, 0]),
    ("d45", [1, 0, 0, 0], [1, 1, 0, 0]),
    ("45d", [0, 1, 0, 0], [1, 1, 0, 0]),
    ("45321d", [0, 1, 0, 0], [1, 1, 0, 0]),
    ("45321d45321d45321d1", [0, 1, 1, 1], [1, 1, 1, 1]),
    ("<d", [0, 0, 0, 1], [1, 0, 0, 0]),
    (">4d", [0, 1, 0, 0], [1, 1, 0, 0]),
    ("^2d", [1, 0, 0, 0], [1, 0, 0, 0]),
]


@pytest.mark.parametrize(("keys", "flags", "begun"), FLAGS)
def test_d_flags_the_answer_that_was_just_marked(
    browser: Any, site: Site, keys: str, flags: list[int], begun: list[int]
) -> None:
    with joined(browser, site, f"键盘 {FLAGS.index((keys, flags, begun))}") as page:
        arrows = {"<": "ArrowLeft", ">": "ArrowRight", "^": "ArrowUp"}
        for key in "45321" + keys:
            page.keyboard.press(arrows.get(key, key))
        found = "all => all.map(e => Number(e.getAttribute('aria-pressed') === 'true'))"
        assert page.eval_on_selector_all("[data-flag]", found) == flags
        first = "all => all.map(e => e.querySelectorAll('[aria-checked=true]').length)"
        assert page.eval_on_selector_all('[data-cell$="-0"]', first) == begun


@pytest.mark.parametrize(("lang", "column", "number"), [("zh", "甲", "病例 1 / 8"), ("en", "A", "Case 1 / 8")])
def test_a_page_speaks_its_language_and_tells_no_title(
    browser: Any, site: Site, lang: str, column: str, number: str
) -> None:
    with joined(browser, site, f"language {lang}", lang) as page:
        assert page.locator(".me-rv-card h3").first.inner_text() == column
        assert page.locator(".me-rv-question .me-title").inner_text() == number
        page.keyboard.press("Enter")  # nothing is marked yet
        page.wait_for_selector(".me-rv-bad")
        assert f" {column} · " in page.locator("#me-rv-state").inner_text()
        assert not re.search(r"第\d题|Question \d", page.content())
