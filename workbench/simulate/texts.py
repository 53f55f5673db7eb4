"""Sentences that residents, inspectors and the hotline write down (invented, about nobody)."""

from __future__ import annotations

import numpy as np

__all__ = ["REASONS", "REQUEST_TEXTS", "suggestion"]

_WHEN = ("", "最近", "今年以来", "上个月", "这半年", "入夏以后", "国庆前后", "周末")
_WHERE = (
    "小区", "我们楼道", "东门口", "南门一带", "中心花园", "地下车库", "三号楼前", "六号楼旁",
    "单元门口", "健身角", "垃圾投放点", "西侧围墙边",
)  # fmt: skip
_GOOD = (
    "比以前干净多了", "路灯修好了，很亮", "绿化养护得不错", "保洁很及时",
    "秩序好了不少", "新装了扶手，老人方便",
)  # fmt: skip
_BAD = (
    "停车很难，晚上找不到车位", "垃圾没人及时清运，味道大", "电梯常坏，报修几天才来人",
    "堆了很多杂物",
    "电动车乱停，还有人飞线充电", "路面积水，反映过没有答复", "照明坏了好久", "广场舞音响太吵",
    "下水道返味", "健身器材锈了没人修", "宠物粪便没人管", "检查前才有人打扫",
)  # fmt: skip
_PLEASE = (
    "", "希望继续保持。", "希望早点解决。", "请物业给个说法。", "建议公示进度。", "盼望社区重视。",
    "多听听居民意见。", "请定期公示账目。", "希望周末也有人值班。",
)  # fmt: skip

# what an inspector writes where points are lost, by item
REASONS = {
    "f01": "路灯不亮",
    "f02": "电梯轿厢按键失灵或扶手松动",
    "f03": "灭火器压力不足或已过期",
    "f04": "健身器材锈蚀、螺栓缺失",
    "h01": "楼道积灰，墙面有小广告",
    "h02": "绿地有裸土和枯枝",
    "h03": "公共部位堆放杂物",
    "w01": "可回收物桶内混有厨余垃圾",
    "l01": "消防通道被车辆占用",
    "c01": "助餐点当日未开放",
    "c02": "快递柜故障，包裹放在地面",
    "c03": "活动室上锁，未公示开放时间",
}

REQUEST_TEXTS = {
    "complaint": (
        ("环境卫生", "{b}号楼垃圾桶满溢，气味很大"),
        ("噪音", "{b}号楼楼下夜间噪音扰民"),
        ("停车", "{b}号楼前消防通道停满车辆"),
        ("设施维修", "{b}号楼电梯停运，未见维修"),
        ("物业收费", "对物业收费项目有疑问，要求公示"),
    ),
    "need": (
        ("养老", "{b}号楼独居老人申请助餐上门"),
        ("托幼", "希望放学后有托管服务"),
        ("维修", "{b}号楼公共照明损坏，申请维修"),
        ("办证", "咨询居住证办理材料"),
    ),
    "dispute": (
        ("邻里", "{b}号楼上下楼漏水纠纷"),
        ("物业", "业主与物业因停车费产生纠纷"),
    ),
    "suggestion": (
        ("设施", "建议在{b}号楼旁增设电动车充电棚"),
        ("活动", "建议周末开设青少年活动"),
    ),
}


def suggestion(rng: np.random.Generator, content: bool) -> str:
    """One sentence or two of a resident; who is content praises more often."""
    praise = rng.random() < (0.6 if content else 0.1)
    parts = (_WHEN, _WHERE, _GOOD if praise else _BAD)
    first, where, what = (part[int(rng.integers(len(part)))] for part in parts)
    return f"{first}{where}{what}。{_PLEASE[int(rng.integers(len(_PLEASE)))]}"
