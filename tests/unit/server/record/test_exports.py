"""The documents, opened again: columns, values, neutralised formulas, page, fonts, names."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Mm
from openpyxl import load_workbook

from server.record.exports.file import file_name, plain
from server.record.exports.minutes import minutes_document, numeral
from server.record.exports.sign_in_sheet import COLUMNS, HEADER_ROW, cell_text, sign_in_sheet
from tests.unit.server.record.samples import START_MS, export_source

_HEADING_LINE = (
    "序号 姓名 党员类别 所在党小组 应到 签到时间 签到方式 参加方式 入会–离会 在线分钟 状态 请假类别与批准人 "
    "补课完成时间 补课方式 本人签名 备注"
)
HEADINGS = tuple(_HEADING_LINE.split())


def sheet_rows(**changes: Any) -> dict[str, dict[str, Any]]:
    book = load_workbook(BytesIO(sign_in_sheet(export_source(**changes)).body))
    sheet = book["签到表"]
    assert [cell.value for cell in sheet[HEADER_ROW]] == list(HEADINGS)
    rows = sheet.iter_rows(min_row=HEADER_ROW + 1, values_only=True)
    return {str(row[1]): dict(zip(HEADINGS, row, strict=True)) for row in rows}


def test_sign_in_sheet_has_the_columns_of_the_form() -> None:
    assert [heading for heading, _ in COLUMNS] == list(HEADINGS)
    rows = sheet_rows()
    assert len(rows) == 5
    assert rows["林浩"] == {
        "序号": 1,
        "姓名": "林浩",
        "党员类别": "正式",
        "所在党小组": "第一党小组",
        "应到": 1,
        "签到时间": datetime(2026, 11, 25, 14, 50, 20),  # noqa: DTZ001 (a spreadsheet has no zones)
        "签到方式": "本人",
        "参加方式": "线上",
        "入会–离会": "14:49–15:50",
        "在线分钟": 60,
        "状态": "出席",
        "请假类别与批准人": None,
        "补课完成时间": None,
        "补课方式": None,
        "本人签名": None,
        "备注": None,
    }
    assert rows["李红梅"]["签到方式"] == "点位代录（赵敏）"
    assert rows["王强"]["请假类别与批准人"] == "出差（林浩批准）"
    assert rows["王强"]["补课完成时间"] == datetime(2026, 11, 26, 14, 50)  # noqa: DTZ001
    assert rows["'=1+1孙"]["备注"] == "待补课"


def test_formulas_are_neutralised() -> None:
    book = load_workbook(BytesIO(sign_in_sheet(export_source()).body))
    for row in book["签到表"].iter_rows():
        assert all(cell.data_type != "f" for cell in row)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_dangerous_beginnings_get_an_apostrophe(text: str) -> None:
    assert cell_text(text) == f"'{text}"
    assert cell_text(f"a{text}") == f"a{text}"


def test_sheet_is_frozen_unmerged_and_carries_the_check_code() -> None:
    source = export_source()
    sheet = load_workbook(BytesIO(sign_in_sheet(source).body))["签到表"]
    assert sheet.freeze_panes == f"C{HEADER_ROW + 1}"
    assert all(merged.max_row < HEADER_ROW for merged in sheet.merged_cells.ranges)
    footer = sheet.oddFooter
    assert footer is not None
    assert source.proof.check_code in (footer.left.text or "")
    assert "应到 5 人，实到 3 人" in str(sheet.cell(3, 1).value)


def test_file_names_follow_the_form_and_hold_no_path() -> None:
    source = export_source()
    assert sign_in_sheet(source).name == "第一党支部_党课_20261125_第11次_签到表.xlsx"
    assert minutes_document(source).name == "第一党支部_党课_20261125_第11次_会议记录.docx"
    source.facts["meeting"]["organisation_short_name"] = "../a\\b:支部"
    assert file_name(source, "签到表", "xlsx").startswith("ab支部_")


def document_text(body: bytes) -> tuple[list[str], dict[str, str]]:
    """All texts of the table's cells, and the values beside their headings."""
    document = Document(BytesIO(body))
    beside: dict[str, str] = {}
    texts: list[str] = []
    for row in document.tables[0].rows:
        cells = [cell.text for cell in dict.fromkeys(row.cells)]
        texts += cells
        beside |= dict(zip(cells[::2], cells[1::2], strict=False))
    return texts, beside


def test_minutes_hold_the_table_of_the_form() -> None:
    minutes = {
        "texts": {"a1": "林浩同志传达了全会精神。\n大家结合实际发言。"},
        "summary": "认真贯彻落实。",
        "absence_reasons": {"sun": "personal"},
    }
    signatures = (("recorder", "赵敏", START_MS + 86_400_000), ("host", "林浩", START_MS + 90_000_000))
    source = export_source(minutes=minutes, signatures=signatures)
    texts, beside = document_text(minutes_document(source).body)
    assert beside["会议议题"] == "学习贯彻全会精神专题党课"
    assert beside["时间"] == "2026年11月25日（周三）14:50–15:50"
    assert beside["地点"] == "三楼会议室、线上"
    assert (beside["主持人"], beside["记录人"], beside["主讲人"]) == ("林浩", "赵敏", "李红梅")
    assert (beside["应到会有表决权党员人数"], beside["实到会有表决权党员人数"]) == ("4", "2")
    assert beside["列席人"] == "陈列席"
    assert beside["参会人员"] == "林浩、赵敏、李红梅"
    assert beside["缺席人员及缺席原因"] == "王强（出差）、=1+1孙（事假）"
    assert beside["主持人总结"] == "认真贯彻落实。"
    assert beside["补课情况"] == "应补 2 人，已补 1 人：王强（2026年11月26日（周四）14:50）"
    assert (beside["主持人签字"], beside["记录人签字"]) == ("林浩（电子签名）", "赵敏（电子签名）")
    assert beside["日期"] == "2026年11月26日（周四）"
    content = next(text for text in texts if text.startswith("一、"))
    assert content.splitlines() == [
        "一、学习党的二十届四中全会精神（14:51–15:20、15:30–15:50）",
        "林浩同志传达了全会精神。",
        "大家结合实际发言。",
        "林浩：=HYPERLINK(1) 听得见吗（14:51）",
        "二、讨论（15:20–15:30）",
        "赵敏：口头发言（15:21–15:23，见录像）",
        "三、其他事项（未进行）",
        "其他发言",
        "赵敏：请大家签到（14:50）",
    ]


def test_unsigned_minutes_show_no_signature() -> None:
    _, beside = document_text(minutes_document(export_source()).body)
    assert "签名" not in beside["主持人签字"] + beside["记录人签字"]
    assert beside["缺席人员及缺席原因"].endswith("（原因未填写）")


def test_minutes_are_a4_portrait_with_east_asian_fonts_and_check_code() -> None:
    source = export_source()
    document = Document(BytesIO(minutes_document(source).body))
    section = document.sections[0]
    assert section.page_width is not None
    assert section.page_height is not None
    assert (round(section.page_width / Mm(1)), round(section.page_height / Mm(1))) == (210, 297)
    assert source.proof.check_code in section.footer.paragraphs[0].text
    assert document.paragraphs[0].text == "2026年市直机关第一党支部第11次党课会议记录"
    for cell in dict.fromkeys(cell for row in document.tables[0].rows for cell in row.cells):
        for paragraph in cell.paragraphs:
            for run in paragraph.runs:
                fonts = run._element.rPr.rFonts
                assert fonts.get(qn("w:eastAsia")) == "仿宋"


def test_characters_that_xml_forbids_are_dropped() -> None:
    assert plain("a\x00\x0b\ud800b\ufffe\n") == "ab\n"


@pytest.mark.parametrize(("number", "text"), [(1, "一"), (10, "十"), (12, "十二"), (20, "二十"), (45, "四十五")])
def test_numerals(number: int, text: str) -> None:
    assert numeral(number) == text
