"""The report's own words, Chinese and English side by side.

A test holds that every entry is complete and that both languages have the same places to fill.
"""

from __future__ import annotations

import re
from typing import Any

from workbench.report.register import Run

__all__ = ["WORDS", "Words"]

WORDS: dict[str, tuple[str, str]] = {
    # -- every page
    "doc.title": ("第三方测评报告", "Third-party assessment report"),
    "doc.notice": ("暂不出具测评结论的通知", "Notice: no assessment result is issued"),
    "doc.sheet": ("测评结果公示", "Notice of the assessment's result"),
    "doc.factual": ("公布前的事实核对表", "Factual check before publication"),
    "form.how1": (
        "请逐条核对事实；有错的，写明哪里不对，附依据。分数怎么算不在这里讨论。",
        "Check each fact; where one is wrong, say what is wrong and add evidence. How points are "
        "given is not asked here.",
    ),
    "form.how2": (
        "没有填的，视为没有意见；公示期内仍可提出异议。",
        "What is left blank raises nothing; objections stay possible during the notice period.",
    ),
    "form.how3": (
        "可填本纸，也可填同名的电子表格；请在约定日期前交回。",
        "Fill in this paper or the workbook of the same name, and return it by the day agreed.",
    ),
    "form.boxes": ("□是 □否", "□\u00a0yes □\u00a0no"),
    "form.no": ("序号", "No."),
    "form.finding": ("编号（勿改）", "Id (leave as is)"),
    "form.item": ("内容", "Item"),
    "form.result": ("结果", "Result"),
    "form.reason": ("地点与理由", "Place and reason"),
    "form.true": ("属实", "True?"),
    "form.claim": ("哪里不对", "What is wrong"),
    "form.evidence": ("依据", "Evidence"),
    "form.note_true": ("填“属实”或“不属实”", "write true or wrong"),
    "form.note_claim": ("不属实的，写明哪里不对", "where it is wrong: what is wrong"),
    "form.note_evidence": ("文件名或照片编号，可不填", "name of a file or picture; may be blank"),
    "doc.overview": ("测评结果总览", "Overview of the results"),
    "over.first": (
        "先做什么：全部单位失分最多的指标",
        "What to do first: where all units together lost most",
    ),
    "over.grid": ("各上级单位与所属单位得分", "Units and scores by what they belong to"),
    "over.gaps": ("新旧小区差距与参评条件", "Gap of old and new, and conditions"),
    "over.handling": ("诉求办理，按单位", "How requests were handled, by unit"),
    "over.topics": ("居民写了什么", "What residents write about"),
    "over.ranks": ("名次与无法区分的名次", "Ranks, and ranks that cannot be told apart"),
    "over.unranked": ("没有名次", "without a rank"),
    "over.lost": ("共失分", "Points lost"),
    "over.units": ("单位数", "Units"),
    "over.why_first": (
        "在这些指标上，各单位共失分最多：补上它们，得益的单位和分数最多。",
        "On these indicators all units together lost most points: to mend them helps most.",
    ),
    "over.tiles": ("另有{n}个", "{n} more"),
    "over.attached": (
        "本文件附有 evidence-sha256.txt（证据清单）；全部结果见 results.xlsx。",
        "Attached to this file: evidence-sha256.txt (list of evidence); all results stand in "
        "results.xlsx.",
    ),
    "over.more": ("另有{n}个单位，见results.xlsx", "{n} more units stand in results.xlsx"),
    "sheet.points": ("各指标得分", "Points for each indicator"),
    "sheet.lost": ("少了的分和理由", "Points lost, and why"),
    "sheet.rest": ("另有{n}处，见报告", "{n} more: see the report"),
    "sheet.rank": ("名次", "Rank"),
    "sheet.from": ("公示自{begin}起。", "Notice from {begin} on."),
    "sheet.period": (
        "公示期自{begin}至{until}（含当日），任何人都可以提出异议。",
        "Anyone may object from {begin} to {until}, that day included.",
    ),
    "sheet.code": (
        "报告编号和验证码 {code} 在页脚；凭它们可以查到完整的签名报告。",
        "The report number and the code {code} below lead to the whole, signed report.",
    ),
    "site.home": ("测评结果公示：全部单位", "Results of the assessment: all units"),
    "site.skip": ("跳到正文", "Skip to the text"),
    "site.language": ("语言", "Language"),
    "site.pictures": ("照片", "Pictures"),
    "site.points_alt": (
        "各指标得分占满分比例的条形图；数值见下表",
        "Bars of the points reached for each indicator; the table below has the figures",
    ),
    "site.residents_alt": (
        "居民评价的条形图，横线为区间；数值见下表",
        "Bars of residents' answers with intervals; the table below has the figures",
    ),
    "site.search": ("按名称、编号或街道查找", "Find by name, number or subdistrict"),
    "site.sheet": ("结果单（PDF）", "Result sheet (PDF)"),
    "site.sheet_large": ("大字版（PDF）", "in large print (PDF)"),
    "site.kind": ("类型", "Kind"),
    "site.parent": ("上级", "Belongs to"),
    "site.tier": ("档次", "Tier"),
    "site.tier_n": ("第{n}档", "tier {n}"),
    "site.all": ("全部", "all"),
    "site.unit": ("单位", "Unit"),
    "site.id": ("编号", "Number"),
    "site.score": ("总分", "Score"),
    "site.range": ("考虑偶然误差", "Allowing for chance"),
    "site.rank": ("名次（无法区分的名次）", "Rank (ranks not told apart)"),
    "site.more": ("再显示50个", "Show 50 more"),
    "site.first": ("前{n}个，还有更多", "The first {n}; there are more"),
    "site.found": ("找到{n}个", "{n} found"),
    "site.failed": (
        "索引没有读到，请看完整名单",
        "The index could not be read: see the whole list",
    ),
    "site.list": ("完整名单（不需要脚本）", "The whole list (needs no script)"),
    "site.withheld": ("暂不出具结论", "no result issued"),
    "site.next": ("下一页", "Next page"),
    "site.before": ("上一页", "Page before"),
    "site.chance": (
        "名次只是把得分排序：括号里的名次之间无法区分。",
        "A rank only sorts the scores: the ranks in brackets cannot be told apart.",
    ),
    "page.report": ("报告编号", "Report"),
    "page.edition": ("第{n}版", "edition {n}"),
    "page.code": ("验证码", "Code"),
    "page.of": ("第{page}页，共{pages}页", "Page {page} of {pages}"),
    "page.demo": ("示例签名 · demonstration signature", "demonstration signature · 示例签名"),
    "issued": ("签发日期", "Issued"),
    "prevails": (
        "本报告有中文、英文两个文本；两者不一致时，以中文文本为准。",
        "This report exists in Chinese and English; where they differ, the Chinese text prevails.",
    ),
    "original": ("原文", "original wording"),
    "colon": ("：", ": "),
    "comma": ("、", ", "),
    "semicolon": ("；", "; "),
    "open": ("（", " ("),
    "close": ("）", ")"),
    "none": ("—", "—"),
    # -- pages one and two
    "front.score": ("总分", "Score"),
    "front.of": ("满分{max}分", "of {max} points"),
    "front.range": (
        "考虑偶然误差，得分在{low}到{high}分之间",
        "allowing for chance between {low} and {high}",
    ),
    "front.no_score": ("不出总分", "no score"),
    "front.verdict": ("结论", "The result in three sentences"),
    "verdict.score": ("{unit}得{score}，满分{max}分", "{unit} scores {score} out of {max}"),
    "verdict.no_score": ("{unit}这次不出总分", "{unit} gets no total score this time"),
    "verdict.incomplete": ("其中有指标没能计算", "with some indicators not computed"),
    "verdict.gates_passed": ("参评条件全部符合", "and meets every condition for taking part"),
    "verdict.gates_failed": ("有参评条件不符合", "but fails a condition for taking part"),
    "verdict.gates_unclear": (
        "有参评条件还不能判断",
        "but one condition for taking part cannot be judged yet",
    ),
    "verdict.join": ("，", ", "),
    "verdict.end": ("。", "."),
    "verdict.residents": (
        "{label}：每{ten}位中大约有{t}位，按这次样本在{lo}到{hi}位之间。",
        "{label}: about {t} in {ten} residents; with this sample between {lo} and {hi}.",
    ),
    "verdict.residents_sure": (
        "{label}：每{ten}位中大约有{t}位。",
        "{label}: about {t} in {ten} residents.",
    ),
    "verdict.residents_none": (
        "这次没有可以公布的居民问卷结果。",
        "There is no survey result to publish this time.",
    ),
    "verdict.lost": (
        "失分最多的是“{label}”，少了{points}分。",
        "Most points were lost on “{label}”: {points}.",
    ),
    "verdict.lost_none": ("没有失分。", "No points were lost."),
    "verdict.lost_unlisted": (
        "各项得分见后面的表。",
        "The tables further on show the points for each indicator.",
    ),
    "stairs.title": (
        "从{max}分到{score}：分数少在哪里",
        "From {max} to {score}: where points were lost",
    ),
    "stairs.note": (
        "每一级是一处失分；横条的长度就是少了的分数。",
        "Each step is one loss; the length of the bar is the points lost.",
    ),
    "stairs.no": ("序号", "No."),
    "stairs.points": ("失分", "Points"),
    "stairs.what": ("在哪里、为什么", "Where and why"),
    "stairs.todo": ("怎么办、谁、何时", "What, who, by when"),
    "stairs.start": ("满分", "Full score"),
    "stairs.end": ("得分", "Score"),
    "stairs.rest": ("其余{n}处失分，合计", "The other {n} losses together"),
    "stairs.other": ("没有逐条列出的失分", "Points lost that are not itemised"),
    "stairs.full": ("全文见“扣分明细”", "in full under “Deductions”"),
    "stairs.open": ("还没有定", "not yet settled"),
    "stairs.none": (
        "没有逐条记录的扣分。",
        "No deductions were recorded one by one.",
    ),
    "due": ("{date}前", "by {date}"),
    "dots.title": ("居民怎么说", "What residents say"),
    "dots.value": ("约{t}位", "about {t}"),
    "dots.range": ("{lo}到{hi}位之间", "between {lo} and {hi}"),
    "dots.note": (
        "每个圆点代表十位居民中的一位；右边是按这次样本的可能范围。",
        "Each dot is one resident in ten; on the right, what this sample allows.",
    ),
    "dots.hidden": ("不公布", "not shown"),
    "change.title": ("和上一次相比", "Compared with last time"),
    "change.against": ("对比的是{baseline}。", "Compared with {baseline}."),
    "change.better": ("变好了", "better"),
    "change.worse": ("变差了", "worse"),
    "change.same": ("没有明显变化", "no clear change"),
    "change.unclear": ("看不出变好还是变差", "cannot tell better from worse"),
    "change.more": (
        "大约每{hundred}位居民中多{n}位",
        "about {n} more in every {hundred} residents",
    ),
    "change.fewer": (
        "大约每{hundred}位居民中少{n}位",
        "about {n} fewer in every {hundred} residents",
    ),
    "change.rest_unclear": (
        "另有{n}项看不出变好还是变差。",
        "For {n} more one cannot tell better from worse.",
    ),
    "change.rest_same": ("另有{n}项没有明显变化。", "{n} more show no clear change."),
    "change.rest_clear": (
        "另有{n}项有变化，见后面的表。",
        "{n} more changed; the tables further on show them.",
    ),
    "change.elsewhere": (
        "没有可以对比的问卷结果；其他结果和上一次的比较见后面的表。",
        "No survey results can be compared; the tables further on compare what else there is.",
    ),
    "change.none": ("这一次没有可以对比的上一次。", "There is no earlier wave to compare with."),
    "best.title": ("做什么最能提分", "What would bring most points back"),
    "best.gain": ("最多可加回{points}分", "up to {points} points"),
    "best.open": ("办法还没有定", "the remedy is not yet settled"),
    "best.none": ("没有列出整改建议。", "No remedies were listed."),
    "gates.title": ("哪项参评条件没有通过", "Which condition was not met"),
    "gates.failed": ("没有达到", "not met"),
    "gates.strict": (
        "按这次样本看不准，按规定从严，算没有达到",
        "this sample cannot settle it; by the rule it then counts as not met",
    ),
    "gates.unclear": ("还不能判断", "cannot be judged yet"),
    "unseen.title": ("这次没有看什么", "What was not looked at"),
    "unseen.scope": ("没有委托", "Not commissioned"),
    "unseen.full": (
        "（全文见“局限与未覆盖内容”）",
        " (in full under “Limits and what was left out”)",
    ),
    "unseen.not_computed": ("没能计算", "Not computed"),
    "unseen.none": ("委托的内容都看了。", "Everything commissioned was looked at."),
    "amended.title": ("本版是更正后的新版", "This is an amended edition"),
    "amended.what": (
        "它取代前一版，理由见“在本批次中的位置”。",
        "It supersedes the edition before; why is told under “Place within the batch”.",
    ),
    "amended.score": ("总分：{scores}", "Score: {scores}"),
    "object.title": ("不同意怎么办", "If you disagree"),
    "object.days": (
        "公示期内（{days}）任何人都可以提出异议。",
        "Anyone may object during the notice period ({days}).",
    ),
    "object.open": (
        "公示期内任何人都可以提出异议，期限写在公示栏。",
        "Anyone may object during the notice period; the notice gives the last day.",
    ),
    "object.how": (
        "请写明报告编号、哪一条、理由，最好附照片。",
        "Give the report number, the item and your reason, with photos if you can.",
    ),
    "object.who": (
        "由没有参加评分的人复核，每条异议都书面答复。",
        "Someone who did not score decides, and every objection gets a written answer.",
    ),
    "object.then": (
        "异议成立的，改分并出新版；旧版保留，注明已被取代。",
        "If you are right, the score changes in a new edition; the old one is kept and marked.",
    ),
    "object.where": ("送到：{where}。", "Send it to: {where}."),
    "genuine.title": ("怎样知道这份报告是真的", "How to know that this report is genuine"),
    "genuine.code": (
        "每一页下面都有报告编号和验证码 {code}。",
        "Every page carries the report number and the code {code}.",
    ),
    "genuine.sign": (
        "电子版有三个签名，任何一处改动都会被发现。",
        "The electronic file bears three signatures; any change to it shows.",
    ),
    "genuine.demo": (
        "这一份用的是示例签名，没有法律效力。",
        "This copy bears demonstration signatures and has no legal force.",
    ),
    # -- sections of the body
    "sec.head": ("基本情况", "About this assessment"),
    "sec.data": ("数据与检查", "Data and checks"),
    "sec.response": ("谁作了回答", "Who answered"),
    "sec.satisfaction": ("居民评价", "What residents think"),
    "sec.change": ("与上一批次比较", "Change since the previous wave"),
    "sec.requests": ("诉求与办理", "Requests and how they were handled"),
    "sec.voices": ("居民说了什么", "What residents say"),
    "sec.standing": ("称号、状态与资金", "Title, colour and money"),
    "sec.agreement": ("评分人及其一致性", "Those who scored, and how far they agree"),
    "sec.indicators": ("指标结果", "Results by indicator"),
    "sec.score": ("得分构成", "How the score is made up"),
    "sec.deductions": ("扣分明细", "Deductions"),
    "sec.eligibility": ("参评条件", "Conditions for taking part"),
    "sec.ruleset": ("指标体系与权重", "The set of indicators and its weights"),
    "sec.reference": ("最弱的指标与公开案例", "Weakest indicators and published cases"),
    "sec.followup": ("建议与整改的落实", "What became of recommendations and problems"),
    "sec.lower": ("各社区结果", "Results of each community"),
    "sec.demand": ("居民需求与服务供给", "What residents need and what is there"),
    "sec.participation": ("居民参与", "How residents took part"),
    "sec.funds": ("资金明细", "Itemised funds"),
    "sec.milestones": ("里程碑核对", "Milestones"),
    "sec.claims": ("自评与上报数的核对", "Claims and recounts"),
    "sec.objections": ("异议及处理", "Objections and how they were decided"),
    "sec.warnings": ("预警", "Warnings"),
    "sec.context": ("在本批次中的位置", "Place within the batch"),
    "sec.decisions": ("人工决定", "Decisions by people"),
    "sec.limits": ("局限与未覆盖内容", "Limits and what was left out"),
    "sec.signatures": ("签名", "Signatures"),
    "sec.other": ("其他结果", "Other results"),
    "empty.section": ("本次没有这方面的记录。", "Nothing was recorded under this heading."),
    "sub.tables": ("收到的数据", "What arrived"),
    "sub.no_data": ("没有数据", "No data"),
    "sub.failed": ("发现的问题", "Faults found"),
    "sub.passed": (
        "另有{n}项检查没有发现问题，清单见附录。",
        "Another {n} checks found nothing; an annex lists them.",
    ),
    "sub.no_failed": (
        "{n}项检查都没有发现问题，清单见附录。",
        "None of {n} checks found a fault; an annex lists them.",
    ),
    "sub.no_checks": ("没有发现问题。", "No fault was found."),
    "sub.unchecked": ("没有条件检查的内容", "Could not be checked"),
    "sub.composition": ("样本与总体构成", "Sample and population"),
    "sub.weights": ("加权", "Weighting"),
    "sub.subgroups": ("分人群结果", "By group of residents"),
    "sub.channel": ("按渠道", "By channel"),
    "sub.dimension": ("按维度", "By dimension"),
    "sub.points": ("按指标", "By indicator"),
    "sub.of_participants": (
        "占参与者的比例（分母是参与者，不是居民）",
        "Shares of participants (of those who took part, not of residents)",
    ),
    "sub.pictures": ("更多照片", "More pictures"),
    "sub.means": ("平均分与自愿参与者的假设", "Means, and what if others differed"),
    "sub.threats": ("比较的检查", "Checks of the comparison"),
    "sub.against": ("使比较变弱的情形", "What weakens the comparison"),
    "sub.uncompared": ("另一种算法和不能比较的项", "Variants, and what cannot be compared"),
    "sub.grounds": ("证据等级的理由", "Grounds of the grades"),
    "sub.coefficients": ("评分差异与一致性系数", "Differences and coefficients of agreement"),
    "sub.suggestions": ("每条建议的答复", "The reply to each suggestion"),
    "sub.fund_shares": ("资金占比", "Shares of the funds"),
    "sub.others": ("与未干预单位的变化之差", "Beside units without the intervention"),
    "sub.batch": ("汇总笔记本", "The batch notebook"),
    "note.further": ("附录“详细结果”中还有：{what}。", "Annex “Further results” adds: {what}."),
    "sub.opt_in": (
        "自愿参与者的回答另列于附录：他们不代表全体居民。",
        "Answers of those who chose to take part are in an annex: they do not stand for all "
        "residents.",
    ),
    "sub.followup.earlier": ("上期报告的建议", "Recommendations of the last report"),
    "sub.followup.current": ("本期发现的问题", "Problems found in this wave"),
    "sub.requests.kinds": ("各类诉求的办理", "How each kind of request was handled"),
    "sub.voices.accuracy": ("归类的误差", "Errors of the classes"),
    "sub.voices.hours": ("诉求受理时段", "When requests came in"),
    "sub.voices.area": ("诉求来自哪里", "Where requests come from"),
    "sub.voices.groups": ("各类居民写到的主题", "What each group of residents writes about"),
    "sub.voices.phrases": ("居民共同的说法", "Phrases that residents share"),
    "col.passages": ("段数", "Passages"),
    "col.kappa": ("κ", "κ"),
    "col.alpha": ("α", "α"),
    "col.ac1": ("AC1", "AC1"),
    "col.topic": ("主题", "Topic"),
    "col.texts_share": ("占文本的比例", "Share of texts"),
    "col.complaining": ("其中表示不满", "Of these complaining"),
    "col.praising": ("其中表示肯定", "Of these praising"),
    "sub.demand.match": ("需求与供给", "Need and supply"),
    "sub.demand.group": ("各类居民的需求", "Needs by group of residents"),
    "sub.demand.heat": (
        "诉求热力表",
        "Requests by category and area",
    ),
    "sub.outside": ("未委托的内容", "Not commissioned"),
    "sub.not_computed": ("委托了但没能计算的内容", "Commissioned but not computed"),
    # -- table heads
    "col.item": ("内容", "Item"),
    "col.table": ("数据表", "Table"),
    "col.rows": ("行数", "Rows"),
    "col.check": ("检查", "Check"),
    "col.result": ("结果", "Result"),
    "col.reach": ("影响范围", "Reach"),
    "col.severity": ("程度", "Severity"),
    "col.reason": ("说明", "Explanation"),
    "col.value": ("数值", "Value"),
    "col.interval": ("{level}区间", "{level} interval"),
    "col.interval_plain": ("区间", "Interval"),
    "col.n": ("n", "n"),
    "col.current": ("本期", "Current"),
    "col.baseline": ("基期", "Baseline"),
    "col.note": ("备注", "Note"),
    "col.group": ("人群", "Group"),
    "col.sample": ("样本（未加权）", "Sample (unweighted)"),
    "col.population": ("总体", "Population"),
    "col.difference": ("变化", "Change"),
    "col.points_difference": ("变化（百分点）", "Change (points)"),
    "col.p": ("校正p", "Adj. p"),
    "col.p_batch": ("批内p", "Batch p"),
    "note.p_batch": (
        "判断只看本单元：主问题事先定好，不作校正，其余各项按项数校正。批内p是把本批全部单元同一项的比较"
        "放在一起校正以后的p值；它不够小时，判断标“仅就本单元”：若是从全部单元中挑出这一个，"
        "这一变化就不能确定。",
        "Verdicts are for this unit alone: the main question, named beforehand, is not corrected, "
        "the others are for their number. Batch p is the p value after correction over the same "
        "item of all units of this batch; where it is not small, the verdict says “this unit "
        "alone”: for a unit picked out of all of them the change would not be certain.",
    ),
    "col.grade": ("证据", "Grade"),
    "col.verdict": ("判断", "Verdict"),
    "col.indicator": ("指标", "Indicator"),
    "col.target": ("目标", "Target"),
    "col.attainment": ("达标程度", "Attained"),
    "col.channel": ("渠道", "Channel"),
    "col.points": ("得分/满分", "Points"),
    "col.base": ("分子/分母或n", "Ratio or n"),
    "col.rule": ("条款", "Rule"),
    "col.condition": ("条件", "Condition"),
    "col.warning": ("预警规则", "Warning rule"),
    "col.period": ("时间", "Period"),
    "col.values": ("数值", "Values"),
    "col.decision": ("决定", "Decision"),
    "col.decided": ("内容；不作此决定时的数值", "What; the figure without it"),
    "col.lost": ("扣分", "Lost"),
    "col.place_reason": ("地点与理由", "Place and reason"),
    "col.remedy": ("整改建议", "Remedy"),
    "col.problem": ("问题与建议", "Problem and remedy"),
    "col.found": ("来源与级别", "Found by, class"),
    "col.state": ("进度", "State"),
    "col.who_due": ("责任方与期限", "Who, by when"),
    "col.cell": ("单元格", "Cell"),
    "col.method": ("方法", "Method"),
    "col.inputs": ("输入", "Inputs"),
    "col.name": ("名称", "Name"),
    "col.formula": ("公式", "Formula"),
    "col.citation": ("出处", "Source"),
    "col.sha": ("SHA-256", "SHA-256"),
    # -- words of the contract
    "verdict.met": ("达标", "met"),
    "verdict.not_met": ("未达标", "not met"),
    "verdict.cannot_tell": ("无法判断", "cannot tell"),
    "verdict.alone": ("（仅就本单元）", " (this unit alone)"),
    "verdict.better": ("变好", "better"),
    "verdict.worse": ("变差", "worse"),
    "verdict.no_relevant_change": ("无明显变化", "no relevant change"),
    "verdict.passed": ("通过", "passed"),
    "verdict.failed": ("未通过", "failed"),
    "warning.failed": ("已触发", "fired"),
    "warning.passed": ("未触发", "not fired"),
    "warning.cannot_tell": ("无法判断", "cannot tell"),
    "severity.critical": ("严重", "critical"),
    "severity.warning": ("提醒", "warning"),
    "reach.row": ("个别行", "rows"),
    "reach.time": ("个别时间", "single times"),
    "reach.indicator": ("指标", "indicator"),
    "reach.table": ("整张表", "table"),
    "reach.community": ("整个单元", "the whole unit"),
    "channel.survey": ("问卷", "survey"),
    "channel.inspection": ("现场", "inspection"),
    "channel.record": ("记录", "records"),
    "channel.fact": ("事实", "facts"),
    "status.low_precision": ("精度低", "low precision"),
    "status.suppressed": ("隐藏", "suppressed"),
    "status.not_computed": ("未计算", "not computed"),
    "role.lead": ("主评人", "Lead assessor"),
    "role.reviewer": ("复核人", "Reviewer"),
    "role.institution": ("测评机构", "Institution"),
    "sign.note": (
        "以下三处为电子签名的位置；签名时间和证书以电子文件为准。",
        "The electronic signatures lie in these three places; the file holds their time and "
        "certificate.",
    ),
    "sign.note_one": (
        "以下是电子签名的位置；签名时间和证书以电子文件为准。",
        "The electronic signature lies here; the file holds its time and certificate.",
    ),
    "sign.digest": ("证据清单 SHA-256", "SHA-256 of the evidence list"),
    "sign.attached": (
        "本文件附有 evidence-sha256.txt（证据清单）和 findings.json（全部结果）。",
        "Attached to this file: evidence-sha256.txt (list of evidence) and findings.json "
        "(all findings).",
    ),
    "sign.unnamed": ("姓名待填", "name to follow"),
    # -- annexes
    "annex": ("附录{letter}", "Annex {letter}"),
    "annex.further": ("详细结果", "Further results"),
    "annex.disclosure": ("调查信息披露", "Disclosure"),
    "annex.fieldwork": ("调查实施", "Field work"),
    "sub.priorities": ("重要度与需求", "Importance and needs"),
    "annex.methods": ("方法", "Methods"),
    "annex.provenance": ("数字的来历", "Where each number comes from"),
    "annex.source": (
        "方案文件中的矛盾及其处理",
        "Flaws of the programme's documents, and how they were resolved",
    ),
    "annex.checks": ("查过、没有发现的问题", "Looked for and not found"),
    "annex.opt_in": (
        "自愿参与者的回答（不代表全体居民）",
        "Answers of those who chose to take part (they do not stand for all residents)",
    ),
    "annex.own": ("研究团队自加的结果", "Results added by the study team"),
    "annex.own_note": (
        "以下结果由研究团队自行加入，不属于评选方案，不计分。",
        "These results were added by the study team; they are no part of the programme or score.",
    ),
    "annex.methods_note": (
        "这里只列本报告用到的方法。表中n是人数或件数，区间是置信区间，证据是前后比较的证据等级。",
        "Only methods that this report uses are listed. In the tables n counts persons or cases, "
        "intervals are confidence intervals, and grade is the evidence grade of a comparison.",
    ),
    "annex.provenance_note": (
        "报告中每个数字都能按编号找到笔记本里的单元格、方法和输入文件。文字和没有发现问题的检查只列编号。",
        "Every number in the report leads by its id to a notebook cell, a method and input files. "
        "Of texts and of checks that found nothing the id is listed.",
    ),
    "annex.inputs_note": (
        "输入文件组；下表用左边的代号。",
        "Sets of input files; the table below uses the code on the left.",
    ),
    "annex.counted": ("由报告计数", "counted by the report"),
    "annex.no_method": ("未登记", "not registered"),
    "disclosure.sponsor": ("谁委托", "Who commissioned it"),
    "disclosure.conductor": ("谁实施", "Who carried it out"),
    "disclosure.interests": ("利益关系", "Interests"),
    "disclosure.population": ("调查总体", "Population"),
    "disclosure.dates": ("实施时间", "Dates of field work"),
    "disclosure.method": ("抽样方式", "How people were chosen"),
    "disclosure.modes": ("填答方式", "Modes"),
    "disclosure.n": ("样本", "Sample"),
    "disclosure.response": ("应答", "Response"),
    "disclosure.weights": ("加权", "Weighting"),
    "disclosure.precision": ("精度", "Precision"),
    "disclosure.checks": ("质量检查", "Quality checks"),
    "disclosure.indicators": ("指标与权重", "Indicators and weights"),
    "disclosure.contract": ("合同", "Contract"),
    "disclosure.absent": ("数据中没有这一项。", "The data hold nothing on this."),
    "disclosure.gaps": ("研究资料中没有说明", "Not stated in the study"),
    # -- withheld
    "withheld.lead": (
        "{unit}这次不出具测评结论：有严重问题的数据不能用来打分。",
        "No result is issued for {unit}: data with a critical fault cannot be scored.",
    ),
    "withheld.not_bad": (
        "这不等于小区得分低，也不说明是谁的过错。",
        "This does not mean a low score, and it names no one as at fault.",
    ),
    "withheld.why": ("哪项检查没有通过", "Which check failed"),
    "withheld.found": ("（实测{found}）", " (found: {found})"),
    "withheld.todo": ("下一步", "What to do next"),
    "withheld.generic": (
        "请更正或补充数据后重新运行；有理由保留的，由负责人登记豁免。",
        "Correct or complete the data and run again, or have a waiver recorded with its reason.",
    ),
    "withheld.again": (
        "数据补正并通过检查后，将另出报告，编号不变、版次递增。",
        "Once the data pass, a report follows under the same number with the next edition.",
    ),
    "withheld.unlisted": (
        "没有记录具体的检查项目，请查看笔记本。",
        "No single check was recorded; see the notebook.",
    ),
}


class Words:
    """The words of one language."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._at = 0 if lang == "zh" else 1

    def __call__(self, key: str) -> str:
        """Give a word or sentence; an unknown key is an error of ours."""
        return WORDS[key][self._at]

    def get(self, key: str, default: str = "") -> str:
        """Give a word of the contract (a verdict, a channel), or ``default``."""
        return WORDS[key][self._at] if key in WORDS else default

    def text(self, key: str, **parts: object) -> str:
        """Give a sentence as one string, its ``{places}`` taken by ``parts``."""
        return self(key).format(**parts)

    def fill(self, key: str, **parts: Run | list[Run] | Any) -> list[Run]:
        """Give a sentence as runs, its ``{places}`` taken by ``parts``."""
        runs: list[Run] = []
        for i, piece in enumerate(re.split(r"\{(\w+)\}", self(key))):
            if i % 2 == 0:
                if piece:
                    runs.append(piece)
            else:
                part = parts[piece]
                runs.extend(part if isinstance(part, list) else [part])
        return runs
