"""The words of printed forms, Chinese and English side by side."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PURPOSES", "UNITS", "WORDS"]

UNITS: Mapping[str, tuple[str, str]] = {
    "compound": ("小区", "compound"),
    "community": ("社区", "community"),
    "subdistrict": ("街道", "subdistrict"),
    "district": ("区县", "district"),
}

PURPOSES: Mapping[str, tuple[str, str]] = {
    "assessment": ("第三方测评", "third-party assessment"),
    "weighting": ("使结果与居民构成相符（加权）", "making results fit the make-up of residents"),
    "suggestions": ("汇总意见建议", "gathering suggestions"),
    "summary": ("汇总意见建议", "gathering suggestions"),
    "quality": ("检查调查质量", "checking the quality of the survey"),
    "weighting and subgroups": (
        "加权和分组比较",
        "making results fit the make-up of residents, and comparing groups",
    ),
    "context": ("了解回答的背景", "understanding the answers"),
    "routing": ("决定后面问哪些题", "deciding which questions follow"),
    "needs": ("了解服务需求", "learning which services are needed"),
    "planning": ("了解服务需求", "learning which services are needed"),
}
"""What a purpose of the codebook means; any other is printed as it stands."""

WORDS: Mapping[str, tuple[str, str]] = {
    "questionnaire": ("居民问卷（{unit}）", "Residents' questionnaire ({unit})"),
    "version": ("码本版本", "version of the codebook"),
    "page": ("第 {page} 页，共 {pages} 页", "page {page} of {pages}"),
    "year": ("年", "year"),
    "month": ("月", "month"),
    "day": ("日", "day"),
    "yes": ("是", "yes"),
    "no_answer": ("否", "no"),
    "no": ("问卷编号", "Questionnaire no."),
    "interviewer": ("访问员", "Interviewer"),
    "community": ("单位（小区、社区）", "Unit (compound, community)"),
    "date": ("日期", "Date"),
    "time": ("起止时间", "From – to"),
    "mode": ("方式", "Mode"),
    "notice": ("填答之前请看（告知与同意）", "Before you answer: notice and consent"),
    "who": (
        "谁在调查：{assessor}受{commissioner}委托，开展“{title}”第三方测评。",
        "Who asks: {assessor}, commissioned by {commissioner}, for the third-party assessment "
        "“{title}”.",
    ),
    "purpose": (
        "用途：{purposes}。您的回答不作其他用途。",
        "Purpose: {purposes}. Your answers serve nothing else.",
    ),
    "voluntary": (
        "自愿：可以不参加，可以不回答任何一题，也可以随时停止，不影响您享受的任何服务。",
        "Voluntary: you may decline, leave out any question or stop at any time; it costs you no "
        "service.",
    ),
    "anonymous": (
        "不记名：不写姓名、电话和门牌号。结果只以汇总数字公布，少于 {n} 人的分组不公布；"
        "谁怎样回答，委托方和被测评单位都不会知道。",
        "No names: do not write name, telephone or house number. Results are published as totals "
        "only, no group below {n} persons; neither the commissioner nor those assessed learn who "
        "answered what.",
    ),
    "kept": (
        "保存：原始问卷由测评机构保管，到 {until} 删除。",
        "Kept: the assessor keeps the forms and deletes them on {until}.",
    ),
    "kept_blank": (
        "保存：原始问卷由测评机构保管，到 ____年__月__日 删除。",
        "Kept: the assessor keeps the forms and deletes them on __________ (date).",
    ),
    "rights": (
        "您可以凭问卷编号查阅、更正、删除自己的回答，或撤回同意。联系电话：________________",
        "Telephone: ________________. With the number of this form you may see, correct or delete "
        "your answers, or withdraw your consent.",
    ),
    "law": (
        "依据《中华人民共和国个人信息保护法》第十三条、第十四条、第十七条告知，经您同意后进行。",
        "Told under articles 13, 14 and 17 of the Personal Information Protection Law of the "
        "People's Republic of China; with your consent only.",
    ),
    "law_sensitive": (
        "标有※的题涉及敏感个人信息，依第二十八条、第二十九条须您单独同意。",
        " Questions marked ※ are sensitive personal information and need your separate consent "
        "(articles 28 and 29).",
    ),
    "consent": (
        "我已了解以上内容，同意参加。",
        "I have read or heard this and agree to take part.",
    ),
    "consent_sensitive": (
        "我同意回答标有※的题。",
        "I agree to answer the questions marked ※.",
    ),
    "grid": ("每行选一格", "Tick one box in each row"),
    "several": ("（可多选）", " (tick all that apply)"),
    "sensitive": ("※", " ※"),
    "or": ("或", " or "),
    "and": ("；", "; "),
    "asked_if": (
        "（只问第 {no} 题选{answers}的）",
        "(only for those who answered {answers} to question {no})",
    ),
    "skip": (
        "选{answers}的继续；其他的{to}",
        "{answers}: go on; any other answer: {to}",
    ),
    "to": ("请跳到第 {no} 题", "go to question {no}"),
    "to_end": ("到此结束", "this is the end"),
    "thanks": ("问卷到此结束，谢谢！", "This is the end of the questionnaire. Thank you!"),
    "sheet": ("现场检查评分表", "Scoring sheet"),
    "sheet.mystery": ("暗访评分表", "Scoring sheet of a mystery visit"),
    "sheet.no": ("序号", "No."),
    "sheet.item": ("检查项", "Item"),
    "sheet.place": ("地点", "Place"),
    "sheet.time": ("时间", "Time"),
    "sheet.mark": ("结果（得分/满分）", "Mark (score / most)"),
    "sheet.reason": ("理由（扣分必填）", "Reason (where points are lost)"),
    "sheet.photos": ("照片", "Photos"),
    "feeds": ("计入：", "feeds: "),
    "assessor": ("评分人代码", "Assessor"),
    "role": ("身份", "Role"),
    "visit": ("检查方式", "Kind of visit"),
    "alone": ("独立评分（背对背）", "Score alone (back to back)"),
    "alone1": (
        "三人各自评分。封存之前不看他人的评分表，不讨论，也不给他人看。",
        "Three people score, each alone. Until the sheets are sealed see nobody's, show yours to "
        "nobody, and do not discuss.",
    ),
    "alone2": (
        "每个地点填一行；不够时另加一张。扣分或不合格必须写地点和理由，并记照片编号。",
        "One line per place; add a sheet where they do not suffice. Wherever points are lost, "
        "write place and reason, and the number of the photo.",
    ),
    "alone3": (
        "一组三张评分表全部封存后才能合并；不全的，一张也不打开。",
        "The sheets of a team are merged when all three are sealed; until then none is opened.",
    ),
    "declare": (
        "本人独立完成以上评分，封存前没有看过他人的评分。录入后运行 workbench seal 得到封存码：",
        "I made these marks alone and saw no other sheet before sealing. Seal code, as workbench "
        "seal gives it after entry:",
    ),
    "signature": ("签名", "Signature"),
    "sealed_at": ("封存时间", "Sealed at"),
    "seal": ("封存码", "Seal code"),
}
