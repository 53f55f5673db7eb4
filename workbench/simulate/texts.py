"""Sentences that residents, inspectors and the hotline write down (invented, about nobody)."""

from __future__ import annotations

import numpy as np

__all__ = ["REASONS", "REQUEST_TEXTS", "suggestion"]

_PRAISE = (
    "楼道比以前干净多了，希望保持。",
    "保洁和保安师傅很负责，给他们点个赞。",
    "新装的路灯很亮，晚上出门放心了。",
    "活动室办的书法班很好，希望多开几期。",
    "助餐点饭菜便宜，老人很方便。",
)
_WISHES = (
    "停车太难了，晚上回来总找不到车位。",
    "垃圾桶满了没人及时清运，夏天味道很大。",
    "电梯经常坏，报修好几天才来人。",
    "希望给老楼加装电梯，六楼老人下不来。",
    "楼道里堆放杂物，消防通道不畅通。",
    "电动车进楼充电，太危险，建议建充电棚。",
    "物业费用去向不清楚，请定期公示账目。",
    "广场舞音响太吵，孩子没法写作业。",
    "评选的时候才来打扫，评完又没人管。",
    "反映了两次路面积水，都没有答复。",
    "希望增加儿童托管和快递柜。",
    "下水道返味，请尽快疏通。",
)

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
    """One or two sentences of a resident; who is content praises more often."""
    praise = rng.random() < (0.6 if content else 0.1)
    first = _PRAISE if praise else _WISHES
    text = first[int(rng.integers(len(first)))]
    if rng.random() < 0.2:
        text += _WISHES[int(rng.integers(len(_WISHES)))]
    return text
