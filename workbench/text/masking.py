"""Personal data in free text: marks that raise an alarm, and masks laid over everything likely.

`marks` is narrow enough to be asked about everywhere: an identity-card number must have its check
digit (GB 11643-1999), a mobile number the form 1[3-9] and nine digits, an address a number of a
house and of a flat. `mask` errs on the other side: what may be a name, a number to call or a home
is taken out before anything is counted, and a word too many does no harm.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["KINDS", "marks", "mask", "plain", "tells"]

KINDS = {
    "mobile": ("手机号码", "a mobile number"),
    "identity_card": ("身份证号码", "an identity-card number"),
    "email": ("电子邮箱", "an e-mail address"),
    "address": ("住址门牌", "the address of a home"),
}
"""Kind of a mark → its name in zh and en."""

# digits of a digest or of a decimal fraction are no number to call
_BEFORE, _AFTER = r"(?<![0-9A-Za-z.])", r"(?![0-9A-Za-z])"
_EMAIL = r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}"
_PATTERNS = (
    ("identity_card", re.compile(_BEFORE + r"[1-9]\d{5}(?:19|20)\d{9}[\dXx]" + _AFTER)),
    ("mobile", re.compile(_BEFORE + r"(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}" + _AFTER)),
    ("email", re.compile(_EMAIL)),
    (
        "address",
        re.compile(
            r"\d{1,4}\s*(?:号楼|号院|栋|幢|座|单元|弄|号)[^\d\n，。；,;]{0,8}"
            r"(?:\d{1,2}\s*单元[^\d\n，。；,;]{0,4})?\d{2,5}\s*(?:室|户|号房)"
        ),
    ),
)  # fmt: skip
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def marks(text: str) -> Iterator[tuple[str, str]]:
    """Give each mark in a text: its kind, and what stands there with its middle masked.

    Full-width digits and letters count as their plain forms; invisible ones are seen through.

    Examples
    --------
    >>> list(marks("电话１３８００１３８０００"))
    [('mobile', '13*******00')]
    >>> list(marks("sha 13800138000ab, 0.13800138000, 5号楼"))
    []
    """
    shown = plain(text)
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(shown):
            if kind != "identity_card" or _checks(match[0]):
                yield kind, _middle(match[0])


def _checks(number: str) -> bool:
    """Say whether an identity-card number has a possible date and its check digit."""
    month, day = int(number[10:12]), int(number[12:14])
    total = sum(int(d) * w for d, w in zip(number[:17], _WEIGHTS, strict=True))
    return 1 <= month <= 12 and 1 <= day <= 31 and "10X98765432"[total % 11] == number[17].upper()


def _middle(text: str) -> str:
    keep = min(3, len(text) // 4)
    return text[:keep] + "*" * (len(text) - 2 * keep) + text[len(text) - keep :]


# characters that show nothing, or only frame a digit, and hide a number from a filter
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200c\u200e\u200f"
                     "\u202a-\u202e\u2060-\u206f\u20e3\ufe00-\ufe0f\ufeff]")  # fmt: skip


def plain(text: str) -> str:
    """Give a text in plain forms: full-width as half-width (NFKC), nothing invisible in it.

    Examples
    --------
    >>> plain("ＡＢＣ１２３，很好！")
    'ABC123,很好!'
    """
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", text))


# the commonest family names; those that are everyday words beside titles are left out
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任"
    "卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔"
    "向常汤温康施牛樊葛邢安齐易伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单"
    "裴霍涂苗曲盛骆蒲冉管闵芦窦项吉缪喻费娄邬陳楊黃趙吳孫馬許韓鄧馮蕭葉盧鐘譚陸範賈鄒閆龍賀顧龔邵萬錢嚴"
    "張劉鄭羅謝蔣呂蘇"
)
_DOUBLE = "欧阳|歐陽|上官|司马|司馬|诸葛|諸葛|皇甫|尉迟|尉遲|公孙|公孫|慕容|令狐|司徒|东方|夏侯"
_TITLES = (
    "先生|女士|小姐|太太|夫人|大爷|大爺|大妈|大媽|大叔|大姐|大哥|大嫂|阿姨|叔叔|伯伯|奶奶|爷爷|"
    "爺爺|婆婆|"
    "师傅|師傅|老师|老師|医生|醫生|大夫|护士|护工|主任|书记|書記|经理|經理|队长|隊長|所长|科长|"
    "局长|站长|处长|"
    "会长|楼长|组长|站長|院长|校长|警官|律师|总|工|某某|某|老太|同志|同学|家(?=的|门|楼|里|孩子|"
    "狗|漏|装修)"
)
# a family name and the next character that make an everyday word, not a name
_WORDS = (
    "方便 方面 方案 方式 方法 高龄 高层 高空 高兴 高峰 高度 高温 安排 安全 安装 安静 安心 安保 "
    "马上 马路 温馨 温度 白天 白色 常常 常年 常驻 万一 周末 周边 周围 周日 周一 周二 周三 周四 "
    "周五 周六 周期 周到 应该 程度 程序 路过 金额 金属 石头 严重 严格 关于 关心 关注 关门 关闭 "
    "关爱 江边 黄色 黄线 任何 任务 任意 向上 向来 康复 夏天 夏季 雷电 龙头 易燃 易爆 牛奶 许多 "
    "史上 武术 平时 包括 包装 单元 单位 单车 单独 管理 管道 管线 管不 项目 左右 左边 章程 申请 "
    "申报 申诉 尚未 宁静 温暖 费用 费心 费劲 吉祥 童车 童年 田地 文明 曾经 何时 何况 余地 余款 "
    "范围 于是 陈旧 毛病 毛坯 顾客 石材 石阶 金牌 段时 段路 曲折 盛夏 江景 兰花 梅雨 叶子 林荫 "
    "林木 水电 甘肃 苏州 温水 孔洞 莫名 莫非 戴口 武装 严肃 庄严 齐全 齐心 施工 常见 常用 常态 "
    "汤水 向社 向物 向街 向居 向您 向你 向有 於是 安徽 丁字 汪洋 苗木 符合 祝愿 祝福 张贴 张嘴 "
    "方形 高低 高的 高价 高额 高音 高声 欧式 关系 万分 易拉 毕竟 毕业 纪律 纪念 聂小 申领 马桶 "
    "路灯 钟点 钟头 金融 白领 白蚁 白跑 雷雨 牛皮 项链 黎明 童鞋 舒服 舒适 舒心 凌晨 凌乱 安居 "
    "安宁 安置 尚可 尚好 喻为 沈阳 江苏 石家 贺卡 钱款 钱也 钱都 钱不 田园 余温 杜绝 谢谢 谢意"
).split()
_NOT_NAME = "(?!" + "|".join(sorted(set(_WORDS))) + ")"
# 感谢 and 保安 before a title are no names
_FAMILY = f"(?:{_DOUBLE}|(?<![感致保公治平工路阶常])(?!(?<=谢)谢){_NOT_NAME}[{_SURNAMES}])"
_HAN = "\u4e00-\u9fff"
_GIVEN = f"[{_HAN}]"
_END = rf"(?=$|[^{_HAN}A-Za-z0-9]|电话|手机|联系|反映|投诉|来电|住在|家住|是|的)"
# behind these stands a name, whatever follows it; but 我叫 and these is none
_CALLED = "名叫|我叫|名字叫|姓名|联系人"
_WHO = f"{_CALLED}|名字|署名|签名|举报人|投诉人|反映人|来电人|诉求人|申请人|本人|户主|我是"
_IS = r"\s*[:叫是为]{0,2}\s*"
_NO_NAME = (
    "(?!他|她|它|你|您|我|了|过|来|去|人|车|外卖|物业|师傅|保安|救护|快递|维修|社区|居委|不|没|"
    "几|两|三次|很多|好|电话|员|信息|方式|未|为空|是|叫)"
)
_DIGITS_ZH = "一二两三四五六七八九零〇幺○"
_N = rf"第?(?:\d{{1,4}}|[{_DIGITS_ZH}十百]{{1,5}}|[A-Za-z])"
_BUILDING = rf"(?<![0-9A-Za-z]){_N}\s*(?:号楼|號樓|号院|栋|棟|幢|座|楼栋|#楼?|号)"
_UNIT = (
    rf"(?:(?:{_N}|[东西南北中甲乙丙丁])\s*(?:单元|單元|门洞|梯)"
    rf"|{_N}\s*[门門](?=\s*第?\d{{2,4}}(?!\d|年|元|块|人|个|路|米)))"
)
_FLOOR = rf"(?:\d{{1,2}}|[{_DIGITS_ZH}十]{{1,3}})\s*[楼层樓層]"
_SIDE = "[东西南北左右中][户边侧]"
_FLAT = rf"(?:\d{{2,5}}|[{_DIGITS_ZH}十百]{{2,6}})\s*(?:室|户|戶|号房|房间|房|号)?"
_GAP = r"[\s,、/\-—–.的第]{0,3}"

_WECHAT = r"[微威薇v]信|we\s?chat|weixin|(?<![A-Za-z0-9_])[vw]x"

_MASKS: tuple[tuple[str, str, str], ...] = (
    # kind in zh, in en, pattern; a group «keep» stays as it is
    ("链接", "link", r"(?:https?://|www\.)[^\s，。；、）)]+"),
    ("邮箱", "e-mail", _EMAIL.replace(r"\.)", r"[.。])")),
    ("证件号", "id number", _BEFORE + r"[1-9]\d{5}[- ]?(?:19|20)\d{2}[- ]?\d{4}[- ]?\d{3}[\dXx]"
     + _AFTER),
    ("证件号", "id number", _BEFORE + r"(?:[1-9]\d{14}|[1-9]\d{16}[\dXx])" + _AFTER),
    ("证件号", "id number", r"(?P<keep>(?:护照|通行证|passport)(?:号码?| no\.?|"
     r" number)?\s*[:是为]?\s*)"
     r"[A-Z]{1,2}\d{6,9}"),
    ("卡号", "card number", _BEFORE + r"\d{4}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?" + _AFTER),
    ("车牌", "plate", r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽"
     r"贵粤青藏川宁琼滬雲遼魯蘇贛閩貴粵寧瓊使领]"
     r"\s?[A-HJ-NP-Za-hj-np-z]\s?[·•.\- ]?\s?"
     r"(?:[A-HJ-NP-Za-hj-np-z0-9]{4}[挂学警港澳领]|[A-HJ-NP-Za-hj-np-z0-9]{5,6})" + _AFTER),
    ("电话", "phone", _BEFORE + r"(?:\+?86[- ]?)?1[- .]?[3-9](?:[- .]?\d){9}" + _AFTER),
    ("电话", "phone", _BEFORE + r"(?:\(0\d{2,3}\)|0\d{2,3})[- ]?[2-9]\d{2,3}[- ]?\d{4}"
     r"(?:[-转]\d{1,5})?" + _AFTER),
    ("电话", "phone", _BEFORE + r"(?!20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))[2-9]\d{7}"
     r"(?:[-转]\d{1,5})?(?!\d|元|块|人|个|户|次|件|年|平|米|吨|号楼)" + _AFTER),
    ("电话", "phone", _BEFORE + r"[48]00[- ]?\d{3}[- ]?\d{4}" + _AFTER),
    ("电话", "phone", r"(?<![0-9A-Za-z])\+\d{1,3}[- ]?(?:\(?\d{1,4}\)?[- ]?){2,5}\d{2,4}" + _AFTER),
    ("电话", "phone", _BEFORE + r"\(?\d{3}\)?[- .]\d{3}[- .]\d{4}" + _AFTER),
    ("电话", "phone", r"(?P<keep>(?:电话|手机|座机|联系方式|热线|tel|phone|call|mobile)"
     r"(?:号码?|number)?\s*(?:[:是为]|is|me at|at)?\s*)\d[\d -]{5,12}\d"),
    ("电话", "phone", rf"(?<![{_DIGITS_ZH}\d])[一幺1]\s?(?:[{_DIGITS_ZH}\d]\s?){{9}}"
     rf"[{_DIGITS_ZH}\d](?![{_DIGITS_ZH}\d])"),
    ("微信号", "WeChat id", r"(?i:(?<![A-Za-z0-9_])wxid_[A-Za-z0-9]+)"),
    ("微信号", "WeChat id", rf"(?P<keep>(?i:{_WECHAT})(?:号码?| id)?\s*(?:[:是为]|is)\s*|"
     r"(?<![A-Za-z0-9_])[Vv]号?\s*[:是为]\s*)[A-Za-z0-9][A-Za-z0-9_-]{4,19}"),
    ("微信号", "WeChat id", rf"(?P<keep>(?i:{_WECHAT})(?:号码?| id)?\s*)"
     r"(?=[A-Za-z_-]*[0-9_])[A-Za-z0-9][A-Za-z0-9_-]{4,19}"),
    ("微信号", "WeChat id", r"(?P<keep>[微威薇Vv]信号?)[A-Za-z][A-Za-z0-9_-]{5,19}"),
    ("QQ号", "QQ number", r"(?P<keep>(?:(?i:qq)|扣扣)(?:号码?|群)?\s*[:是为]?\s*)[1-9]\d{4,11}"),
    ("住址", "address", rf"{_BUILDING}{_GAP}{_UNIT}{_GAP}{_FLOOR}(?:{_SIDE})?"),
    ("住址", "address", rf"{_UNIT}{_GAP}{_FLOOR}{_SIDE}"),
    ("住址", "address", rf"{_BUILDING}{_GAP}{_UNIT}(?:{_GAP}{_FLAT})?"),
    ("住址", "address", rf"{_BUILDING}{_GAP}(?:\d{{3,5}}|[{_DIGITS_ZH}十百]{{3,6}})(?!\d|年|元|"
     rf"块|人|个|辆|户人)"
     r"\s*(?:室|户|号房|房间|房|号)?"),
    ("住址", "address", rf"{_BUILDING}{_GAP}\d{{1,2}}\s*[楼层]{_GAP}\d{{2,4}}\s*(?:室|户|号)?"),
    ("住址", "address", rf"{_UNIT}{_GAP}\d{{2,5}}(?!\d|年|元|块|人|个)\s*(?:室|户|号房|房间|房|"
     rf"号)?"),
    ("住址", "address", rf"(?<!\d)(?:\d{{3,5}}|[{_DIGITS_ZH}十百]{{3,6}})\s*"
     rf"(?:室|号房|房间|的?住户|的?业主|家)"),
    ("住址", "address", r"(?P<keep>(?:楼上|楼下|隔壁|对门|家住|住在|我住|门牌|房号)(?:号|的|是|"
     r":)?)\d{3,4}"
     r"(?!\d|年|元|块|人|个|天|次)"),
    ("住址", "address", r"(?<![\d-])\d{1,3}[-—–]\d{1,2}[-—–]\d{3,4}(?![\d-])"),
    ("住址", "address", rf"[{_HAN}]{{2,6}}(?:路|街|巷|弄|胡同|"
     rf"大道)\s*\d{{1,5}}\s*(?:弄\s*\d{{1,4}}\s*号|号(?!线))"),
    ("住址", "address", r"(?i:\b(?:flat|apt\.?|apartment|room|unit|suite)\s*(?:no\.?|#)?\s*"
     r"(?:\d{1,5}[a-z]?|[a-z]\d{1,4})\b)"),
    ("住址", "address", r"\b\d{1,5}[A-Za-z]?\s+(?:[A-Z][a-z]+\s+){1,3}"
     r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Way|Close|Terrace)\b\.?"),
    ("姓名", "name", rf"(?P<keep>(?:{_WHO}){_IS})[{_HAN}]{{1,8}}(?:[·•・‧][{_HAN}]{{1,8}})+"),
    ("姓名", "name", rf"(?P<keep>(?:{_WHO}){_IS}){_FAMILY}{_GIVEN}{{1,2}}{_END}"),
    ("姓名", "name", rf"(?P<keep>(?:{_CALLED}){_IS}){_NO_NAME}{_FAMILY}{_GIVEN}{{1,2}}"),
    ("姓名", "name", rf"(?P<keep>(?:名叫|我叫|名字叫|(?:姓名|联系人|署名)\s*[:是为]{{1,2}})\s*)"
     rf"{_NO_NAME}{_GIVEN}{{2,5}}(?=$|[^{_HAN}A-Za-z0-9【])"),
    ("姓名", "name", rf"(?P<keep>姓)[{_SURNAMES}](?=$|[^{_HAN}]|的)"),
    ("姓名", "name", rf"{_FAMILY}(?:{_GIVEN}{{1,2}})?(?:{_TITLES})(?![{_HAN}]*?制造)"),
    ("姓名", "name", rf"[{_SURNAMES}]某{{1,2}}|[{_SURNAMES}]\s?[Xx×*]{{1,2}}(?![A-Za-z0-9])"),
    ("姓名", "name", rf"[老小阿](?:{_NOT_NAME}[{_SURNAMES}])(?=$|[^{_HAN}]|说|家|他|她|在|是|的|"
     rf"和|也|总|又|从|去|来)"),
    ("姓名", "name", r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sir|Madam)\.?\s+[A-Z][A-Za-z'’-]+"
     r"(?:\s+[A-Z][A-Za-z'’-]+)?"),
    ("姓名", "name", r"(?P<keep>(?i:my name is|this is|i am called|named|contact person:?)\s+)"
     r"[A-Z][A-Za-z'’-]+(?:\s+[A-Z][A-Za-z'’-]+)?"),
)  # fmt: skip
_COMPILED = tuple((zh, en, re.compile(pattern)) for zh, en, pattern in _MASKS)
_CHINESE = re.compile(f"[{_HAN}]")


def mask(text: str) -> str:
    """Give a text in plain forms with everything taken out that may lead to a person.

    Parameters
    ----------
    text
        One text. Full-width characters, invisible ones and spaced digits are seen through.

    Returns
    -------
    str
        The text in NFKC with names that stand beside a title or a family name with 某, telephone,
        identity-card, passport and card numbers, doors (3栋2单元501), plates, e-mail, WeChat and
        QQ ids, links and street numbers replaced by ``【住址】``, in a text without Chinese by
        ``[address]``. A building alone (3号楼) stays: it is where, not who.

    Notes
    -----
    Rules, no model: a name alone, without title, family name with 某 or words such as 我叫 before
    it, cannot be told from other words and stays. So masked text is still not for publication:
    a quotation leaves only after a person approved it.

    Examples
    --------
    >>> mask("3栋2单元501的张先生，电话１３８ ００１３ ８０００，车沪A12345")
    '【住址】的【姓名】,电话【电话】,车【车牌】'
    >>> mask("Mr Smith in flat 12 (smith@example.org) says the lift is broken.")
    '[name] in [address] ([e-mail]) says the lift is broken.'
    """
    out = plain(text)
    chinese = _CHINESE.search(out) is not None
    for zh, en, pattern in _COMPILED:
        shown = f"【{zh}】" if chinese else f"[{en}]"
        keeps = "keep" in pattern.groupindex

        def put(match: re.Match[str], shown: str = shown, keeps: bool = keeps) -> str:
            return (match["keep"] if keeps else "") + shown

        out = pattern.sub(put, out)
    return out


def tells(text: str) -> bool:
    """Say whether :func:`mask` would take something out; what is masked already stays.

    Examples
    --------
    >>> tells("王先生说电梯坏了"), tells("【姓名】说电梯坏了")
    (True, False)
    """
    masked = mask(text)
    return any(masked.count(sign) > text.count(sign) for sign in "【[")
