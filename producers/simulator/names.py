"""Names, built from surnames and syllables."""

from __future__ import annotations

from typing import Final

SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_SYLLABLES: Final = (
    "安白碧晨澄初春德帆方芳峰歌光国海涵和恒红华嘉建江杰金静景娟君凯可"
    "兰乐丽林岭明宁平琪青清庆泉荣睿山思松涛文雯晓心欣新雪雅阳怡毅翔瑜"
)
GIVEN: Final = tuple(
    a if place % 9 == 0 else a + b
    for place, (a, b) in enumerate((a, b) for a in _SYLLABLES for b in _SYLLABLES)
)
"""4,096 given names, every ninth of one syllable."""

_TRADES: Final = (
    "贸易", "科技", "建材", "食品", "物流", "机械", "纺织", "农业",
    "电子", "印务", "装饰", "能源", "服务", "医药", "园林", "文化",
)  # fmt: skip
_FORMS: Final = {
    "enterprise": "有限公司",
    "individual_business": "商行",
    "institution": "中心",
    "agency": "办公室",
    "social_organisation": "协会",
}


def organisation_name(kind: str, lot: int) -> str:
    """Return the name that a lot below 65,536 gives; every one begins with 合成, synthetic."""
    return f"合成{GIVEN[lot >> 4]}{_TRADES[lot & 15]}{_FORMS[kind]}"


def surname(name: str) -> str:
    """Return the surname of a person of this world: one character."""
    return name[0]
