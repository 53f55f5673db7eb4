"""Personal data leave a text before anything is counted; everyday words stay."""

from __future__ import annotations

import pytest

from workbench.text import marks, mask

HIDDEN = [
    ("张先生说垃圾没人清运", "【姓名】说垃圾没人清运"),
    ("李建国经理态度差", "【姓名】态度差"),
    ("欧阳女士反映漏水", "【姓名】反映漏水"),
    ("我叫王小明，有意见", "我叫【姓名】,有意见"),
    ("小王说的，刘某某、陈某也说", "【姓名】说的,【姓名】、【姓名】也说"),
    ("感谢王师傅", "感谢【姓名】"),
    ("電話13800138000找陳先生", "電話【电话】找【姓名】"),
    ("打１３８－００１３－８０００", "打【电话】"),
    ("1\u200b3 8 0 0 1 3 8 0 0 0", "[phone]"),
    ("一三八零零一三八零零零", "【电话】"),
    ("座机021-62345678", "座机【电话】"),
    ("身份证110101199003074514", "身份证【证件号】"),
    ("3栋2单元501漏水", "【住址】漏水"),
    ("五号楼三单元402，12号楼301室，12-3-501", "【住址】,【住址】,【住址】"),
    ("楼上501太吵", "楼上【住址】太吵"),
    ("京A·12345和粤B D12345占道", "【车牌】和【车牌】占道"),
    (
        "微信abc12345，微信号：zhang_88，QQ 123456789",
        "微信【微信号】,微信号:【微信号】,QQ 【QQ号】",
    ),
    ("写信到 a.b@example.org", "写信到 【邮箱】"),
    ("Mr Smith in flat 12, call 555-123-4567", "[name] in [address], call [phone]"),
    ("致电0571-8888 6666或88886666", "致电【电话】或【电话】"),
    ("一三八0013八零零零，1️⃣3️⃣8️⃣00138000", "【电话】,【电话】"),
    ("身份证11010519491231002X，110105 19491231 002x", "身份证【证件号】,【证件号】"),
    ("京a12345和粤B1234学", "【车牌】和【车牌】"),
    (
        "Vx：abc12345，WeChat: zhang88，V：abc12345",
        "Vx:[WeChat id],WeChat: [WeChat id],V:[WeChat id]",
    ),
    ("加我微信zhangsan，WXID_ab12c", "加我微信【微信号】,【微信号】"),
    ("写信到zhangsan@qq。com", "写信到【邮箱】"),
    ("我叫李小明住3栋，联系人为：刘备", "我叫【姓名】住3栋,联系人为:【姓名】"),
    ("我叫阿依古丽，本人买买提·艾山，姓名：古丽", "我叫【姓名】,本人【姓名】,姓名:【姓名】"),
    ("姓李的业主，501的业主", "姓【姓名】的业主,【住址】"),
    ("10号楼2门301，5号楼东单元301，2单元五楼西户", "【住址】,【住址】,【住址】"),
    ("第3栋第2单元第501室，十二栋一单元十三楼", "【住址】,【住址】"),
]
KEPT = [
    "方便老人出行,安排师傅维修,高龄老人爬楼难",
    "5号楼前积水,3号楼200人用一部电梯",
    "花了500元,坏了3天,101路公交,地铁3号线",
    "拨打12345热线,2026年10月8日18:00-20:00",
    "黄色垃圾桶周末马上解决,物业经理、居委会主任、社区书记",
    "微信群没人管,保安师傅好",
    "有300户人家,建于1998年",
    "The unit price is high; room for improvement",
    "Visitors park here, visiting is easy",
    "我叫物业来修,我叫了三次维修,联系人员太少",
    "微信支付失败,微信群没人管,签名造假",
    "南门100米,2单元门坏了,日期20260501,花了30000000元",
]


@pytest.mark.parametrize(("text", "expected"), HIDDEN)
def test_what_leads_to_a_person_is_taken_out(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize("text", KEPT)
def test_everyday_words_and_buildings_stay(text: str) -> None:
    assert mask(text) == text


def test_a_masked_text_is_masked_no_further() -> None:
    for text, _ in HIDDEN:
        assert mask(mask(text)) == mask(text)


def test_the_narrow_form_sees_through_invisible_signs_too() -> None:
    assert [kind for kind, _ in marks("138\u200b0013\u200b8000")] == ["mobile"]
