"""Who is in the demonstration organisation. All names are made up."""

from __future__ import annotations

from dataclasses import dataclass

COMMITTEE = ("中共江宁市市直机关委员会", "市直机关党委")
BRANCHES = (
    ("市直机关第一党支部", "第一党支部"),
    ("市直机关第二党支部", "第二党支部"),
    ("市直机关第三党支部", "第三党支部"),
)
GROUPS = (("第一党支部第一党小组", "第一党小组"), ("第一党支部第二党小组", "第二党小组"))  # in the first branch
TEMPORARY = ("防汛抢险临时党支部", "防汛临时党支部")
ATTACHED_PER_BRANCH = 3


@dataclass(frozen=True, slots=True)
class DemoPerson:
    name: str
    branch: int
    group: int | None = None
    post: str | None = None
    status: str = "full"


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """``roles``: (role, place); a place is "committee", "branch" or "temporary". ``shown``: its password is printed."""

    role: str
    login: str
    name: str
    roles: tuple[tuple[str, str], ...]
    shown: bool = True


PEOPLE: tuple[DemoPerson, ...] = (
    DemoPerson("李红梅", 0, 0, "secretary"),
    DemoPerson("周志强", 0, 0, "deputy_secretary"),
    DemoPerson("陈晓燕", 0, 1, "organisation_officer"),
    DemoPerson("王建国", 0, 0),
    DemoPerson("赵文博", 0, 1),
    DemoPerson("孙丽华", 0, 0),
    DemoPerson("刘思远", 0, 0),
    DemoPerson("杨春生", 0, 0),
    DemoPerson("黄雅琴", 0, 0),
    DemoPerson("吴海涛", 0, 1),
    DemoPerson("徐静怡", 0, 1),
    DemoPerson("马俊杰", 0, 1),
    DemoPerson("朱慧敏", 0, 1),
    DemoPerson("何天宇", 0, 1, None, "probationary"),
    DemoPerson("郭玉兰", 0, 0),
    DemoPerson("林子涵", 0, 0, None, "probationary"),
    DemoPerson("高建平", 1, None, "secretary"),
    DemoPerson("罗美玲", 1, None, "deputy_secretary"),
    DemoPerson("郑国栋", 1, None, "publicity_officer"),
    DemoPerson("梁秋月", 1),
    DemoPerson("谢长河", 1),
    DemoPerson("宋佳宁", 1),
    DemoPerson("唐永辉", 1),
    DemoPerson("许诗雨", 1),
    DemoPerson("韩德明", 1),
    DemoPerson("邓小琳", 1),
    DemoPerson("冯立新", 1),
    DemoPerson("曹雪莹", 1, None, None, "probationary"),
    DemoPerson("彭卫东", 2, None, "secretary"),
    DemoPerson("曾庆芳", 2, None, "deputy_secretary"),
    DemoPerson("萧云飞", 2, None, "discipline_officer"),
    DemoPerson("田桂英", 2),
    DemoPerson("董浩然", 2),
    DemoPerson("潘素珍", 2),
    DemoPerson("袁志远", 2),
    DemoPerson("蔡婷婷", 2),
    DemoPerson("蒋国庆", 2),
    DemoPerson("余晓峰", 2),
    DemoPerson("于佩兰", 2),
    DemoPerson("叶明轩", 2, None, None, "probationary"),
)

HOST, RECORDER, SECRETARY, LECTURER = "周志强", "李红梅", "李红梅", "陈晓燕"
MEMBER, ADMINISTRATOR = "王建国", "赵文博"

LOGINS: tuple[DemoLogin, ...] = (
    DemoLogin("member", "wangjianguo", MEMBER, (("member", "branch"),)),
    DemoLogin("host", "zhouzhiqiang", HOST, (("host", "branch"), ("host", "temporary"))),
    DemoLogin("secretary", "lihongmei", SECRETARY, (("secretary", "branch"), ("recorder", "branch"))),
    DemoLogin("administrator", "admin", ADMINISTRATOR, (("admin", "committee"),)),
    # These two have accounts, so that their roles exist; an administrator gives them a password when they are needed.
    DemoLogin("recorder", "chenxiaoyan", LECTURER, (("recorder", "branch"),), shown=False),
    DemoLogin("inspector", "gaojianping", "高建平", (("inspector", "committee"),), shown=False),
)

LESSON_TITLE = "党课：学习《中国共产党支部工作条例》"
LESSON_AGENDA = (("集体学习条例原文", 20), ("交流讨论", 15), ("总结讲话", 5))
PAST_TITLE = "党课：基层党组织怎样开好组织生活"
PAST_AGENDA = (("领学", 20), ("交流发言", 20))
PLACE = "机关二楼会议室、线上"
REMARKS = (
    (8_000, "孙丽华", "结合窗口工作谈一点：群众最在意的是事情能不能一次办成。"),
    (21_000, "刘思远", "建议把每月的主题党日和青年理论学习小组结合起来，避免内容重复。"),
    (33_000, "吴海涛", "外出办案的同志多，线上参加能不能也算出席，请支部明确一下。"),
)
