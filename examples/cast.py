"""Who plays in the demo: departments with a person each, what they provide, what they ask for."""

from __future__ import annotations

from dataclasses import dataclass

PERSON, ORGANISATION = "population.person", "legal_entity.organisation"
DIVISION, PARCEL = "geography.division", "geography.parcel"
LICENCE = "licence.certificate"


@dataclass(frozen=True)
class Department:
    """A department and its person; the person's id is the department's."""

    id: str
    name: str


@dataclass(frozen=True)
class Entry:
    """A catalogue entry, its lead department, and its sources as the command line takes them."""

    resource: str
    lead: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What a subscriber asks for, by items or by a policy's file.

    `answer` is what the lead department does where it is asked.
    """

    label: str
    subscriber: str
    resource: str
    matter: str
    basis: str
    purpose: str
    items: str = ""
    prefix: str = ""
    policy: str = ""
    answer: str = ""


PROVIDERS = (
    Department("public-security", "公安部"),
    Department("market-regulation", "市场监管总局"),
    Department("natural-resources", "自然资源部"),
    Department("civil-affairs", "民政部"),
)
SUBSCRIBERS = (
    Department("health", "卫生健康委"),
    Department("education", "教育部"),
    Department("guangdong", "广东省政务服务局"),
    Department("tax", "税务总局"),
    Department("housing", "住房城乡建设部"),
    Department("transport", "交通运输部"),
)
OTHERS = (Department("press", "出版社"),)

ENTRIES = (
    Entry(PERSON, "public-security"),
    Entry(ORGANISATION, "market-regulation"),
    Entry(DIVISION, "civil-affairs"),
    Entry(PARCEL, "natural-resources"),
    Entry(
        LICENCE,
        "public-security",
        (
            "public-security=prefix:1",
            "market-regulation=prefix:2",
            "natural-resources=prefix:3",
        ),
    ),
)

DIRECT = (
    Wish("education", "education", PERSON, "学籍核验", "义务教育法", "verification",
         "citizen_number,name,birth_date"),
    Wish("guangdong", "guangdong", PERSON, "省内办事", "行政许可法", "collaboration",
         "citizen_number,name,sex,registered_division", prefix="44"),
    Wish("health, statistics", "health", PERSON, "分年龄人口统计", "统计法", "work_reference",
         policy="examples/policies/age-statistics.json"),
    Wish("tax, organisations", "tax", ORGANISATION, "税务登记", "税收征收管理法",
         "administrative_basis"),
    Wish("housing", "housing", DIVISION, "住房规划", "城乡规划法", "work_reference"),
    Wish("housing, licences", "housing", LICENCE, "房屋交易核验", "城市房地产管理法",
         "verification", prefix="3"),
    Wish("transport", "transport", LICENCE, "驾驶人资格核验", "道路交通安全法", "verification",
         "licence_number,type_code,holder_number,expires_on,status", prefix="11"),
)  # fmt: skip
"""Unconditional items are granted at once (R12.1), masked ones and pseudonyms of them, too."""

PARTLY = Wish("health", "health", PERSON, "疫情流调", "传染病防治法", "administrative_basis",
              "citizen_number,name,sex,birth_date,registered_division,phone,registered_address",
              answer="仅用于流行病学调查，疫情结束后停止使用")  # fmt: skip
"""Its unconditional part is granted at once, and the whole once the provider has answered (R9)."""

ASKED = (
    Wish("tax, parcels", "tax", PARCEL, "房地产税征管", "税收征收管理法", "administrative_basis",
         "parcel_code,division,land_use,area,holder,valuation", answer="仅用于征管"),
)  # fmt: skip
"""Conditional: the provider answers (R12.2)."""

REFUSED = Wish("press", "press", PERSON, "人物报道", "无", "other", "citizen_number,phone",
               answer="用途不属于履行职责")  # fmt: skip

EXPLAINED = "health, statistics"
REVOKED = "transport"
"""Its grant is revoked while records flow."""
WATCHERS = ("health, directly", "health", "health, statistics", "education", "guangdong")
"""Who sees the one person that is shown side by side."""
