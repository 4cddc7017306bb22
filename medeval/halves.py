"""Messages in two languages: sentences "where: 中文 / English", one after another with " · " between them."""

import re

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NEXT = " · "
_SLASH = re.compile(r" / (?=.*[A-Za-z])", re.DOTALL)
_WHERE = re.compile(r"[^：，。；（“]*: (?=.*[\u4e00-\u9fff])", re.DOTALL)


def half(message: str, lang: str) -> str:
    """The half of every sentence in one language, "zh" or "en"; a sentence in one language stays as it is.

    What stands before the Chinese half and ends in ": ", such as a file name, belongs to both halves.
    """
    sentences = message.split(NEXT)
    said = [_half(sentence, lang) for sentence in sentences]
    return message if said == sentences else ("；" if lang == "zh" else "; ").join(said)


def _half(sentence: str, lang: str) -> str:
    cuts = [m for m in _SLASH.finditer(sentence) if CHINESE.search(sentence, 0, m.start())]
    if not cuts:
        return sentence
    cut = cuts[len(cuts) // 2]  # both halves hold the same values: one with a " / " in it leaves the cut in the middle
    left, right = sentence[: cut.start()], sentence[cut.end() :]
    where = _WHERE.match(left)
    return (left if lang == "zh" else (where.group() if where else "") + right).strip()
