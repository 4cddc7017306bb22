"""Character error rate, and ocr_cer: the values and units of a report, character by character."""

import unicodedata

from medeval.cases.schema import Case, LabRow
from medeval.clinical.binding import bind
from medeval.clinical.reading import Reading, read
from medeval.metrics.labs import bound_values
from medeval.metrics.marks import Marks
from medeval.metrics.score import Score, metric
from medeval.metrics.targets import analyte_of


def plain(text: str) -> str:
    """The spelling in which characters are compared: NFKC, no white space."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def edit_distance(one: str, other: str) -> int:
    """Fewest insertions, deletions and substitutions that turn `one` into `other` (Levenshtein 1966)."""
    before = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        row = [i]
        for j, right in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right)))
        before = row
    return before[-1]


def character_error_rate(truth: str, found: str) -> float:
    """Edit distance of both texts in `plain` spelling over the length of `truth`; may exceed 1.

    Raises:
        ValueError: `truth` holds no character to be read.
    """
    wanted = plain(truth)
    if not wanted:
        raise ValueError("the truth holds no character")
    return edit_distance(wanted, plain(found)) / len(wanted)


def _printed(row: LabRow) -> str:
    return plain(f"{row.value:g}{row.unit}")


def _quoted(reading: Reading, row: LabRow, key: str) -> tuple[int, int, str] | None:
    """The stretch of the answer that gives the row's value, the one nearest to what is printed."""
    places = [(b.quantity.start, b.quantity.end) for b in bound_values(reading, key)]
    texts = [(start, end, reading.text[start:end]) for start, end in places]
    return min(texts, key=lambda t: edit_distance(_printed(row).lower(), plain(t[2])), default=None)


@metric(name="ocr_cer", zh="字符正确率", en="Characters right (1 − CER)", seed="OCR准确率：图像文本提取（字符）")
def ocr_cer(case: Case, text: str) -> Score:
    """1 − CER of values and units: edits of all rows over the printed characters; a row not quoted is all errors."""
    rows = [(row, key) for row in case.expect.lab_rows if (key := analyte_of(row.name, row.abbr))]
    if not rows:
        return Score.unscored("病例没有化验单行 / the case holds no report rows")
    reading = read(text)
    marks = Marks(reading)
    if not bind(reading):
        return Score(0.0, "没有引用任何数值，CER 1.00 / no value quoted, CER 1.00")
    errors = total = 0
    for row, key in rows:
        wanted = _printed(row)
        total += len(wanted)
        found = _quoted(reading, row, key)
        if found is None:
            errors += len(wanted)
            continue
        edits = min(len(wanted), edit_distance(wanted.lower(), plain(found[2])))
        errors += edits
        note = (
            f"印为 {row.value:g} {row.unit}，{edits} 处字符不同"
            f" / printed {row.value:g} {row.unit}, {edits} characters differ"
        )
        (marks.bad if edits else marks.good)(found[0], found[1], note)
    rate = errors / total
    reason = (
        f"CER {rate:.2f}，分母为 {len(rows)} 行的 {total} 个印刷字符"
        f" / CER {rate:.2f} over {total} printed characters of {len(rows)} rows"
    )
    return marks.score(1.0 - rate, reason)
