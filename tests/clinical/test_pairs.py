"""Key points against answers in other words: said, not said, or turned round (own examples in `pairs_zh.yaml`)."""

from pathlib import Path

import pytest
import yaml

from medeval.clinical.reading import read
from medeval.clinical.support import support
from medeval.metrics.completeness import CONTRADICTED, judge_point

PAIRS = [
    (kind, *pair)
    for kind, pairs in yaml.safe_load(Path(__file__).with_name("pairs_zh.yaml").read_text("utf-8")).items()
    for pair in pairs
]
SAID = 0.5
OPEN = {  # known to fail: a rival shares the rest of the statement, or knowledge stands between the two wordings
    "胰岛素是2型糖尿病的一线用药。",
    "18岁以下不宜使用左氧氟沙星。",
    "有痛风的人不要吃动物内脏和海鲜等高嘌呤食物。",
    "血压升高会引起中风。",
    "怀孕期间要补充维生素A。",
    "绝经以后阴道流血要警惕子宫内膜癌。",
    "胰岛素要放在冰箱冷藏室。",
    "睡不着的人睡前不要喝咖啡。",
    "剖腹产后半年复查。",
    "来月经肚子疼时热敷可以减轻。",
}


@pytest.mark.parametrize(
    ("kind", "statement", "answer", "label"), PAIRS, ids=[f"{k}|{s}|{a}" for k, s, a, _ in PAIRS]
)  # fmt: skip
def test_pair(kind: str, statement: str, answer: str, label: str) -> None:
    point = judge_point(read(answer), statement, "", frozenset())
    against = support(read(answer), statement).contradiction
    right = {
        "E": point.value >= SAID and not point.contradicted,
        "N": point.value < SAID and not point.contradicted,
        "C": point.value < SAID and against >= CONTRADICTED,
    }[label]
    if not right and answer in OPEN:
        pytest.xfail("open")
    assert right, (kind, point, against)
