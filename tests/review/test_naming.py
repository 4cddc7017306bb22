"""Answers that say who they are."""

import pytest

from medeval.review.naming import names_itself

NAMES = ("base", "v1", "v3", "基础模型", "V3 精准", "kappa-lora-11")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("我是V3，很高兴为您服务。", ["我是V3"]),
        ("作为一个 v1 模型，我建议复查。", ["作为一个 v1", "v1 模型"]),
        ("I am the V3 model.", ["I am the V3", "V3 model"]),
        ("我是通义千问，由阿里训练。", ["通义千问"]),
        ("As Qwen3-VL, I cannot diagnose.", ["Qwen"]),
        ("您好，我是基础模型。", ["我是基础模型"]),
        ("kappa-lora-11 认为血压偏高", ["kappa-lora-11"]),
        ("心电图 V1-V6 导联未见异常，V3 导联正常。", []),
        ("An acid-base disorder with base excess of -3.", []),
        ("我是说，血压偏高。", []),
        ("版本V3的指南", ["版本V3"]),
        ("", []),
    ],
)
def test_self_naming(text: str, found: list[str]) -> None:
    spans = names_itself(text, NAMES)
    said = [text[a:b] for a, b in spans]
    assert bool(said) == bool(found), said
    for want in found:
        assert any(want in text[a:b] or text[a:b] in want for a, b in spans), said
