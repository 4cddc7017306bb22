"""Cards, tables and highlights: pure functions from values to HTML."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from medeval.cases.schema import Case
from medeval.engines.contract import Answer, Loaded, Receipt
from medeval.metrics.composite import ProfileScore, ScoreSheet
from medeval.metrics.score import Evidence, Score
from medeval.services.images import ImageDesk
from medeval.ui import cards, tables
from medeval.ui.exchange import Column, Round, View
from medeval.ui.export import exported
from medeval.ui.marks import marked, part, pieces_of
from medeval.ui.says import says_html

HOSTILE = "<img src=x onerror=alert(1)>\"'</div><script>alert(2)</script>${alert(3)}{{x}}"
LOOK = cards.Look("zh", "v3", {"numbers": "数值精度", "care": "人情味"})


class Nesting(HTMLParser):
    """Collects elements and checks that every one is closed in order."""

    VOID = {"img", "br", "meta", "input"}

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(html: str) -> Nesting:
    parser = Nesting()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def column(name: str, text: str, value: float | None = 0.5, **scores: Score) -> Column:
    sheet = ScoreSheet(dict(scores), {"v3": ProfileScore(value, {}, (), any(s.veto for s in scores.values()), "")})
    answer = Answer(name, text, 10, 2.0, "stop")
    return Column(name, {"zh": name, "en": name}, "done", text, answer, sheet)


def view(*columns: Column, prompt: str = "问题", **more: object) -> View:
    return View("an-identity-of-a-view", (Round(Case(id="c", prompt=prompt), columns, **more),))  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["waiting", "streaming", "done", "failed"])
def test_hostile_text_never_becomes_markup(status: str) -> None:
    evil = replace(
        column("v1", HOSTILE, 0.4, numbers=Score(0.5, HOSTILE, (Evidence(0, 9, "bad", HOSTILE),), veto=True)),
        status=status, error=HOSTILE, title={"zh": HOSTILE, "en": HOSTILE},
    )
    shown = view(evil, prompt=HOSTILE, notes=(HOSTILE,), images=(HOSTILE,))
    look = replace(LOOK, labels={"numbers": HOSTILE}, badges={"v1": HOSTILE}, profile_title=HOSTILE, waiting=HOSTILE)
    whole = cards.question(shown, look) + cards.grid(shown, look) + tables.scores_table(shown.rounds[0], look)
    found = parsed(whole)
    assert "script" not in found.seen
    assert found.seen.count("img") == 1, "only the question's own image"
    assert HOSTILE in found.text


@pytest.mark.parametrize(
    ("spans", "pieces"),
    [
        ([(0, 4, "good"), (2, 6, "bad")], [("ab", "good"), ("cdef", "bad"), ("gh", "")]),
        ([(0, 8, "note"), (2, 4, "good")], [("ab", "note"), ("cd", "good"), ("efgh", "note")]),
        ([(6, 99, "bad"), (3, 3, "good")], [("abcdef", ""), ("gh", "bad")]),
    ],
    ids=["overlap", "inside", "outside-the-text"],
)
def test_highlights_never_nest(spans: list[tuple[int, int, str]], pieces: list[tuple[str, str]]) -> None:
    evidence = tuple(Evidence(a, b, kind, "why") for a, b, kind in spans)  # type: ignore[arg-type]
    found = pieces_of("abcdefgh", {"numbers": Score(1.0, "", evidence)}, {"numbers": "数值精度"}, "zh")
    merged: list[tuple[str, str]] = []
    for piece in found:
        kind = piece.kind or ""
        if merged and merged[-1][1] == kind:
            merged[-1] = (merged[-1][0] + piece.text, kind)
        else:
            merged.append((piece.text, kind))
    assert merged == pieces
    html = marked(found)
    assert parsed(html).text == "abcdefgh"
    assert "数值精度: " in html and "why" in html


def test_part_cuts_inside_a_piece() -> None:
    found = pieces_of("abcdefgh", {"m": Score(1.0, "", (Evidence(2, 6, "good", ""),))}, {}, "zh")
    assert [(p.text, p.kind) for p in part(found, 3, 7)] == [("def", "good"), ("g", None)]


def test_unscored_is_a_dash_and_never_zero() -> None:
    shown = Round(Case(id="c", prompt="q"), (column("base", "a", None, numbers=Score.unscored("缺事实 / no facts")),))
    html = tables.scores_table(shown, LOOK)
    assert html.count(">–</td>") == 1  # the total; what this question gives nothing to judge stands together below
    assert ">0</td>" not in html and html.count("me-rest") == 1
    assert "缺事实" in html and "no facts" not in html
    card = cards.grid_of(shown, LOOK)
    assert "me-chip" not in card and "未评分" in card


@pytest.mark.parametrize(
    ("base", "other", "text"),
    [(0.5, 0.75, "+25"), (0.5, 0.25, "−25"), (0.5, 0.5, "持平"), (None, 0.5, "")],
)
def test_difference_from_base(base: float | None, other: float, text: str) -> None:
    card = cards.card(column("v1", "a", other), column("base", "a", base), LOOK)
    assert text in card if text else "较基础" not in card and "持平" not in card


def test_a_veto_is_unmistakable() -> None:
    bad = column("v1", "停药", 0.2, care=Score(0.0, "建议停药 / stops drugs", (), veto=True))
    html = cards.card(bad, None, LOOK)
    assert "me-vetoed" in html and "危险" in html and "建议停药" in html


def test_the_best_of_a_row_knows_the_direction() -> None:
    shown = Round(Case(id="c", prompt="q"), (
        column("base", "a", 0.1, vague=Score(0.9, "")), column("v1", "b", 0.2, vague=Score(0.1, "")),
    ))
    rising = tables.scores_table(shown, LOOK)
    falling = tables.scores_table(shown, replace(LOOK, falling=frozenset({"vague"})))
    assert '<td class="me-best">90</td>' in rising
    assert '<td class="me-best">10</td>' in falling


def test_reasoning_is_folded_and_keeps_its_highlights() -> None:
    text = "<think>先看数值</think>\n血压偏高"
    good = Evidence(text.index("偏高"), text.index("偏高") + 2, "good", "对")
    inside = Evidence(text.index("数值"), text.index("数值") + 2, "note", "想")
    html = cards.card(column("v1", text, 0.5, numbers=Score(1.0, "", (good, inside))), None, LOOK)
    found = parsed(html)
    assert "details" in found.seen and found.seen.count("mark") == 2
    assert "think>" not in found.text


RECEIPT = Receipt("torch", "models/demo", "sha256:ab", "float32", "cpu", (
    Loaded("base", "base", 0, 0),
    Loaded("v1", "switched", 10, 12, 8, 2.0, "DoRA 不能同批 / DoRA cannot batch", 1.5, "peft"),
), {"bad": ["形状不符 <b> / shape mismatch <b>"]})


def test_receipt_names_what_was_refused_and_what_was_switched() -> None:
    html = tables.receipt_html(RECEIPT, None, LOOK)
    found = parsed(html)
    assert "10/12" in found.text and "切换" in found.text and "形状不符 <b>" in found.text
    assert "DoRA 不能同批" in html
    assert tables.badge(RECEIPT.variants[1]).startswith("!")


@pytest.mark.parametrize("fmt", ["md", "json", "html"])
def test_exports_hold_question_answers_and_scores(fmt: str) -> None:
    shown = view(column("base", HOSTILE, 0.5, numbers=Score(0.5, "r")), prompt="我的血压140/90？")
    text = exported(shown, RECEIPT, fmt, LOOK)  # type: ignore[arg-type]
    assert "140/90" in text
    if fmt == "json":
        cell = json.loads(text)["rounds"][0]["cells"][0]
        assert cell["answer"]["text"] == HOSTILE and cell["scores"]["numbers"]["value"] == 0.5
    if fmt == "html":
        assert "<script>alert" not in text and "不是医疗器械" in text


@pytest.mark.parametrize(("reports", "said"), [((False,), True), ((False, True), False), ((), False)])
def test_an_image_that_is_no_lab_report_says_so_once(tmp_path: Path, reports: tuple[bool, ...], said: bool) -> None:
    for number, is_report in enumerate(reports):
        read = {"is_lab_report": is_report, "rows": [], "warnings": [], "orientation": 0}
        (tmp_path / f"{number}.json").write_text(json.dumps(read), "utf-8")
    names = [f"{number}.png" for number in range(len(reports))]
    html = says_html(ImageDesk(tmp_path), names, False, LOOK)
    assert ("没有读到化验单" in html) == said
