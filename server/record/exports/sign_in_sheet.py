"""签到表 as XLSX, columns of domain.md §3.2. The only file that imports openpyxl."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.header_footer import HeaderFooterItem, _HeaderFooterPart
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from server.record.explanations import leave_word
from server.record.exports.file import (
    MODE_WORDS,
    STATE_WORDS,
    STATUS_WORDS,
    XLSX_TYPE,
    ExportFile,
    ExportSource,
    file_name,
    plain,
)
from server.record.local_time import clock_text, naive, span_text
from server.record.rules import MINUTE_MS

# Heading and width in characters; a Chinese character takes two.
COLUMNS: tuple[tuple[str, int], ...] = (
    ("序号", 6),
    ("姓名", 10),
    ("党员类别", 10),
    ("所在党小组", 14),
    ("应到", 6),
    ("签到时间", 18),
    ("签到方式", 16),
    ("参加方式", 10),
    ("入会–离会", 16),
    ("在线分钟", 10),
    ("状态", 8),
    ("请假类别与批准人", 20),
    ("补课完成时间", 18),
    ("补课方式", 12),
    ("本人签名", 14),
    ("备注", 24),
)
HEADER_ROW = 4
_DATE_COLUMNS = (6, 13)
_CENTRED = (1, 3, 5, 6, 8, 9, 10, 11, 13)
_LINE = Side(style="thin", color="FF808080")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def sign_in_sheet(source: ExportSource) -> ExportFile:
    """Rows are the counted members of the roll in its order; nothing is merged but the title rows."""
    book = Workbook()
    sheet = book.active
    if not isinstance(sheet, Worksheet):
        raise TypeError("a new workbook has no sheet")
    sheet.title = "签到表"
    _title(sheet, source)
    _header(sheet)
    for number, row in enumerate(source.facts["attendance"], 1):
        _row(sheet, HEADER_ROW + number, _values(source, number, row))
    _page(sheet, source)
    book.properties.creator = "会堂"
    book.properties.title = f"{source.title} 签到表"
    out = BytesIO()
    book.save(out)
    return ExportFile(file_name(source, "签到表", "xlsx"), XLSX_TYPE, out.getvalue())


def cell_text(text: str) -> str:
    """Text that a spreadsheet program would take for a formula gets a leading apostrophe (CWE-1236)."""
    cleaned = plain(text)
    return f"'{cleaned}" if cleaned.startswith(_FORMULA_STARTS) else cleaned


def _title(sheet: Worksheet, source: ExportSource) -> None:
    counts, meeting = source.facts["counts"], source.meeting
    lines = (
        f"{source.title} 签到表",
        f"议题：{plain(meeting['title'])}　时间：{span_text(source.start_ms, source.end_ms, source.offset)}"
        f"　地点：{plain(meeting['place']) or '线上'}",
        f"应到 {counts['expected']} 人，实到 {counts['present']} 人；有表决权应到 {counts['expected_voting']} 人，"
        f"有表决权实到 {counts['present_voting']} 人；主持人：{plain(meeting['host_name'])}"
        f"　记录人：{plain(meeting['recorder_name'])}",
    )
    for number, line in enumerate(lines, 1):
        sheet.merge_cells(start_row=number, end_row=number, start_column=1, end_column=len(COLUMNS))
        cell = sheet.cell(number, 1, cell_text(line))
        cell.font = Font(name="宋体", size=16 if number == 1 else 11, bold=number == 1)
        cell.alignment = Alignment(horizontal="center" if number == 1 else "left", vertical="center", wrap_text=True)
        sheet.row_dimensions[number].height = 30 if number == 1 else 20


def _header(sheet: Worksheet) -> None:
    for column, (heading, width) in enumerate(COLUMNS, 1):
        cell = sheet.cell(HEADER_ROW, column, heading)
        cell.font = Font(name="宋体", size=11, bold=True)
        cell.fill = PatternFill("solid", fgColor="FFF2F2F2")
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        cell.border = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = f"C{HEADER_ROW + 1}"


def _row(sheet: Worksheet, number: int, values: list[Any]) -> None:
    for column, value in enumerate(values, 1):
        cell = sheet.cell(number, column, cell_text(value) if isinstance(value, str) else value)
        cell.font = Font(name="宋体", size=11)
        cell.border = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
        centred = "center" if column in _CENTRED else None
        cell.alignment = Alignment(horizontal=centred, vertical="center", wrap_text=True)
        if column in _DATE_COLUMNS:
            cell.number_format = "yyyy-mm-dd hh:mm"
    sheet.row_dimensions[number].height = 24


def _values(source: ExportSource, number: int, row: Mapping[str, Any]) -> list[Any]:
    offset, done_ms = source.offset, source.makeup_done.get(row["member_id"])
    in_room = None
    if row["joined_ms"] is not None:
        in_room = f"{clock_text(row['joined_ms'], offset)}–{clock_text(row['left_ms'], offset)}"
    return [
        number,
        row["name"],
        STATUS_WORDS.get(row["status"], row["status"]),
        row["group"],
        1,
        naive(row["signed_in_ms"], offset) if row["signed_in_ms"] is not None else None,
        _method(row),
        MODE_WORDS.get(row["mode"]) if row["mode"] else None,
        in_room,
        round(row["online_ms"] / MINUTE_MS, 1) if row["presence"] else 0,
        STATE_WORDS[row["state"]],
        _leave(source, row),
        naive(done_ms, offset) if done_ms is not None else None,
        "观看回放" if done_ms is not None else None,
        None,
        _note(source, row),
    ]


def _method(row: Mapping[str, Any]) -> str | None:
    """代录 rows name who did it: proxies are what inspectors look for."""
    if row["signed_in_ms"] is None:
        return None
    if row["sign_in_method"] == "proxy":
        return f"点位代录（{row['signed_in_by_name']}）"
    return "本人"


def _leave(source: ExportSource, row: Mapping[str, Any]) -> str | None:
    reason = source.absence_reason(row)
    if reason is None:
        return None
    approver = row["leave_approved_by_name"]
    return f"{leave_word(reason)}（{approver}批准）" if approver else leave_word(reason)


def _note(source: ExportSource, row: Mapping[str, Any]) -> str | None:
    if row["member_id"] in source.makeup_done and source.makeup_done[row["member_id"]] is None:
        return "待补课"
    if row["state"] == "absent" and row["presence"]:
        return "入会但未签到"
    return None


def _page(sheet: Worksheet, source: ExportSource) -> None:
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = f"1:{HEADER_ROW}"
    left = _HeaderFooterPart(text=source.proof_line)
    sheet.HeaderFooter.oddFooter = HeaderFooterItem(left=left, right=_HeaderFooterPart(text="第 &P 页，共 &N 页"))
