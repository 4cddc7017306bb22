"""What is wanted and what is not: whether a change that a sentence tells of is a gain or a harm.

The nouns of `data/nouns_*.yaml` say it of the things they list; of others the last characters do: …炎, …损伤, …风险
are unwanted, …功能, …愈合, …吸收 are wanted. 加重 and 恶化 are harms and 缓解 is a gain whatever they act on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading, Span
from medeval.clinical.sayings import Saying, sayings, spread, things

_WORSE, _EASED = "加重|加剧|恶化", "减轻|缓解|改善"
_MORE = "增加|提高|提升|升高|增强|促进|加快|加速|增大|增进|延长|扩大|上升|增多"
_LESS = "减少|降低|抑制|减弱|减慢|延缓|缩短|下降|缩小|减低|阻止"
_HIGH, _LOW = "增高|过高|偏高|较高", "过低|偏低|较低"
_STATES = frozenset(f"{_HIGH}|{_LOW}|上升|下降|增多".split("|"))
_VERB = Pattern(f"(?:{_WORSE}|{_EASED}|{_MORE}|{_LESS}|{_HIGH}|{_LOW})(?![剂期药者])")
_SIGN = {word: sign for words, sign in ((_MORE, 1), (_HIGH, 1), (_LESS, -1), (_LOW, -1)) for word in words.split("|")}
_ALWAYS = {word: gain for words, gain in ((_WORSE, -1), (_EASED, 1)) for word in words.split("|")}
_COURSE = "发生|发展|进展|形成|出现|产生|发作|过程|进程|速度|作用|水平"
_TAIL = rf"(?:的|之|等|和|与|及|问题|现象|情况|程度|频率|严重程度|次数|{_COURSE})*$"
_BAD = re.compile(
    r"(?:风险|危险性?|几率|概率|(?:发病|患病|复发|死亡|病死|致残|感染|误诊|漏诊|失败|出血|狭窄|再狭窄|流产|脱落|突变|癌变|耐药)率|负担|负荷|压力|刺激性?|损[伤害]|伤害|破坏|创伤|危害|毒性"
    r"|症状?|[^体]征|(?<![消抗])炎症?|(?<!看)病|癌|瘤|(?<![止镇])痛感?|疼|(?<![消退])肿胀?|疹|痒|痉挛|血栓|栓塞|出血|渗[出血液]|感染|过敏|粘连|瘢痕|疤痕|增生|结石|囊肿|斑块|斑点?|色斑|皱纹|溃疡|[压褥]疮|龋齿|坏死|缺血|缺氧|梗[死阻塞]|狭窄|阻塞"
    r"|衰竭|衰退|衰老|老化|退化|萎缩|硬化|纤维化|钙化|磨损|流失|丢失|沉积|沉着|堆积|聚集|潴留|积聚|淤积|淤血|瘀血|充血|水肿|积液|障碍|困难|不适感?|异常|紊乱|失调|不足|不良|缺陷|副作用|(?<=.)(?<!免疫)反应"
    r"|排斥|干扰|摩擦|误差|痛苦|焦虑|抑郁|恐惧|紧张(?!性)|疲劳|乏力|失眠|便秘|腹泻|咳嗽|呕吐|恶心|头晕|心悸|胸闷|发热|干燥|瘙痒|脱发|反流|侵袭|扩散|转移|浸润|生长速度|繁殖|滋生|复制|费用|成本|花费|开支|住院(?:日|天数|时间)|卧床时间|的可能性?|散失|的(?:发生|进展|恶化|扩散|发病)|发生率|重[构塑]|急性加重|急性发作|复发|发作)"
    + _TAIL
)
_GOOD = re.compile(
    r"(?:功能|能力|质量|效率|疗效|药效|效果|健康|体质|愈合|修复|再生|恢复|康复|吸收|代谢|循环|灌注|供血|血供|血运|血流量?|引流|回流|排[出泄空便尿气痰汗乳卵]|消化|蠕动|弹性|平衡|协调性?|稳定性?|活力|耐力|体力"
    r"|精力|免疫力|抵抗力|记忆力|注意力|视力|听力|肌力|食欲|睡眠|信心|依从性|安全性|准确[性率度]|精确[性度]|灵敏[性度]|敏感[性度]|特异[性度]|可靠性|有效[性率]|舒适[性度]|满意度|成功率|治愈率|生存[率期]|检出率"
    r"|缓解率|受孕率|妊娠率|保护|屏障|营养|发育|分辨率|清晰度|配合|沟通|交流|信任|认识|意识|消退|消散|溶解|清除|杀灭|脱落|萌出|胶原(?:蛋白)?|骨形成|通气|换气|氧合|止血|面色|气色|预后|状态|状况|生活方式|关系)"
    r"(?:的|之|等|程度|水平|速度|过程|进程|生成|合成|产生|形成|强度|作用|数量|摄入|摄入量|供应)*$"
)
_FOOD = re.compile(
    r"(?:对|过多|过量)?(?:辛辣|油腻|油炸|腌制|生冷|刺激性?|高[盐脂糖油]|高脂肪|高胆固醇|高嘌呤|高热量|甜|烧烤|烟熏|加工|含糖|咖啡|酒|浓茶|碳酸|垃圾)[^，。；]{0,6}(?:食[物品用]|饮[料食]|制品|摄入量?|精)?(?:的?(?:摄入量?|食用|饮用|次数))?"
)
_TAKEN_UP = re.compile(
    r"(?:氨|草酸|碳水化合物|脂肪|胆固醇|糖|毒素|毒物|钠|热量)[^，。；]{0,8}(?:重?吸收|摄入量?|饱和度)$"
)
_HANDLED = re.compile(r"(?P<of>[\u4e00-\u9fffa-z]{1,10}?)的?(?:重?吸收|排泄|代谢|利用|分泌|合成|释放|转化|清除)$")
_WELCOME = re.compile(
    r"铁|钙|锌|营养|维生素|药|蛋白|炎|血肿|渗[液出]|积液|水肿|血块|淤血|瘀血|叶酸|骨|能量|物质|新陈|乳汁|泪液|唾液|胆汁|胃肠|肠道|肝脏|身体|机体|皮肤|组织|细胞|毒|废物|尿酸|自由基|病原|细菌|痰|水分"
)
_OWNED = re.compile(
    r"的(?!可能|危险|风险|敏感|严重|不|发生)[^，。；、和与]{1,5}(?:性|质量|(?<!程)度)(?![\u4e00-\u9fff])"
)
_OBJECT = re.compile(r"[^，,。；;、:：()（）\n|!？?]{1,24}")
_OBJECT_END = re.compile(
    r"并(?!发)|从而|以便|以提|以促|以减|进而|同时|[和与及或](?=[改缓减降提增促抑加恢预防保])|可(?!能性)|(?<![功性可机])能(?![力量性])|会(?=[改缓减降提增促抑使导引明显])|有[助利]于|[来以](?=[改缓减降提增促抑])|使|导致|引起"
)
_NO_OBJECT = re.compile(
    r"(?:[的了者时后等或至到为而且，,。；;、:：()（）\n|!？?]|$|因素|情况|以上|以下|不|并|和|与|及|就|则|应|需|明显|程度|迅速|较快|时(?!间)|提示|说明|表明|常|可)"
)
_COMPOUND = re.compile(r"机制|作用|效果|率|期|药|情况|因素|方[法式案]|措施|手段|途径|标准|剂")
_BEFORE = re.compile(
    r"(?P<noun>(?:(?![可使令让会将致起能得])[\u4e00-\u9fff]){2,10}?)(?:的|也|都|均|会|可能?|将|可以|能|则|就|又|更|逐渐|逐步|明显|显著|相应|进一步|随之|持续|不断|日益|急剧|迅速|突然|大大|进行性|有所|得到|得以|获得|略|稍|较前|程度|水平|发生|"
    r"一定程度的?|不同程度|自行|完全|部分|暂时|继续|反复|很快|快速|有效)*$"
)


@dataclass(frozen=True, slots=True)
class Change:
    """A change for better (`gain` +1) or worse (−1), told at `start:end` by the word at `at`."""

    start: int
    end: int
    at: Span
    word: str
    gain: int
    state: bool
    """Something changes by itself; else something or someone changes it."""


def gain_of_noun(name: str) -> int:
    """+1 where more of it is wanted, −1 where less is, 0 where neither is known."""
    known = things().get(name)
    if known is not None:
        return {"up": -1, "down": 1, "both": 0}[known[1]]
    if _FOOD.fullmatch(name) or taken_up(name):
        return -1
    if handled(name):
        return 0
    return -1 if _BAD.search(name) else 1 if _GOOD.search(name) else 0


def taken_up(said: str) -> bool:
    """Whether what is said ends with the uptake of fat, sugar and the like, of which less is wanted."""
    return bool(_TAKEN_UP.search(said))


def handled(said: str) -> bool:
    """Whether what is said ends with the uptake, breakdown or excretion of a thing of which more may be good or bad."""
    found = _HANDLED.search(said)
    return found is not None and not _WELCOME.search(found["of"])


def owned(text: str, end: int) -> bool:
    """Whether a thing that ends at `end` only owns what is acted on: 滑液 of 滑液的黏弹性."""
    return _OWNED.match(text, end) is not None


def _acted_on(text: str, end: int) -> tuple[int, int] | None:
    """The object of a verb that ends at `end`: where it ends, and what more of it is worth."""
    found = None if _NO_OBJECT.match(text, end) else _OBJECT.match(text, end)
    if found is None:
        return None
    stop = _OBJECT_END.search(found.group())
    name = found.group()[: stop.start()] if stop else found.group()
    return end + len(name), gain_of_noun(name)


def _changes(text: str, known: dict[int, Saying]) -> Iterator[Change]:
    for match in _VERB.finditer(text):
        start, end = match.span()
        word = match.group()
        if _COMPOUND.match(text, end):
            continue
        acted = _acted_on(text, end)
        saying = known.get(start)
        if saying and (acted is None if not saying.state else bool(acted and acted[1])):
            saying = None
        if saying and not saying.state and owned(text, saying.thing[1]):
            saying = None
        fixed = _ALWAYS.get(word, 0)
        if saying is not None and not fixed:
            name = text[slice(*saying.thing)]
            taken = not saying.state and taken_up(text[end : saying.thing[1]])
            gain = (-1 if taken else gain_of_noun(name)) * (1 if saying.up else -1)
            if gain or name in things():
                yield Change(*spread(saying), (start, end), word, gain, saying.state)
                continue
        if acted is not None and word not in _STATES:
            gain = fixed or acted[1] * _SIGN[word]
            yield Change(start, acted[0], (start, end), word, gain, False)
        elif word not in ("促进", "抑制") and not (word in _STATES and text.startswith("的", end)):
            before = _BEFORE.search(text, max(0, start - 18), start)
            gain = fixed or (gain_of_noun(before["noun"]) * _SIGN[word] if before else 0)
            yield Change(before.start("noun") if before else start, end, (start, end), word, gain, True)


@lru_cache(maxsize=1024)
def changes(reading: Reading) -> tuple[Change, ...]:
    """Every change for better or worse of an answer, in order; gain 0 where it cannot be told."""
    known: dict[int, Saying] = {}
    for saying in sayings(reading):
        known.setdefault(saying.start, saying)
    return () if reading.text.isascii() else tuple(_changes(reading.text, known))
