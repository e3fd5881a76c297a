"""会议记录 as DOCX: A4 portrait, the table of domain.md §3.1. The only file that imports python-docx.

Fonts are named for the machine that opens the document; 宋体 and 仿宋 fall back to what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from docx import Document
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from server.record.explanations import leave_word
from server.record.exports.file import DOCX_TYPE, ExportFile, ExportSource, file_name, plain
from server.record.local_time import clock_text, day_text, span_text

# Margins and sizes after GB/T 9704 (party and government documents).
_MARGINS_MM = {"top_margin": 37, "bottom_margin": 35, "left_margin": 28, "right_margin": 26}
_WIDTHS_MM = (32, 46, 32, 46)
_TITLE_FONT, _TEXT_FONT = "宋体", "仿宋"
_DIGITS = "零一二三四五六七八九"


def minutes_document(source: ExportSource) -> ExportFile:
    document = Document()
    _page(document, source)
    title = document.add_paragraph()
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _run(title, f"{source.title}会议记录", size=22, font=_TITLE_FONT, bold=True)
    table = document.add_table(rows=0, cols=4, style="Table Grid")
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    _facts_rows(table, source)
    _content_row(table, source)
    _closing_rows(table, source)
    document.core_properties.title = f"{source.title}会议记录"
    document.core_properties.author = "会堂"
    out = BytesIO()
    document.save(out)
    return ExportFile(file_name(source, "会议记录", "docx"), DOCX_TYPE, out.getvalue())


def numeral(number: int) -> str:
    """一, 十二, 二十三: for headings, 1 to 99."""
    tens, ones = divmod(number, 10)
    if not tens:
        return _DIGITS[ones]
    return ("" if tens == 1 else _DIGITS[tens]) + "十" + (_DIGITS[ones] if ones else "")


# --- what the rows say ------------------------------------------------------------------------------------------------


def place_text(source: ExportSource) -> str:
    """The declared place, and that some took part from elsewhere."""
    place = plain(source.meeting["place"])
    online = any(row["mode"] == "online" for row in source.facts["attendance"])
    said = "线上" in place  # the secretary may have written it already
    return "、".join(part for part in (place, "线上" if (online and not said) or not place else "") if part)


def absent_text(source: ExportSource) -> str:
    """李明（病假）、王强（原因未填写）"""
    parts = []
    for row in source.facts["attendance"]:
        if row["state"] in ("absent", "leave"):
            reason = source.absence_reason(row)
            parts.append(f"{plain(row['name'])}（{leave_word(reason) if reason else '原因未填写'}）")
    return "、".join(parts) or "无"


def makeup_text(source: ExportSource) -> str:
    """应补 2 人，已补 1 人：李明（11月28日（周六）20:15）"""
    if not source.makeup_done:
        return "无"
    names = {row["member_id"]: plain(row["name"]) for row in source.facts["attendance"]}
    done = [
        f"{names.get(member_id, '')}（{day_text(at_ms, source.offset)}{clock_text(at_ms, source.offset)}）"
        for member_id, at_ms in source.makeup_done.items()
        if at_ms is not None
    ]
    text = f"应补 {len(source.makeup_done)} 人，已补 {len(done)} 人"
    return f"{text}：{'、'.join(done)}" if done else text


def attachments_text(source: ExportSource) -> str:
    parts = ["签到表", "会议日志（附哈希链校验文件）"]
    recording = source.facts["recording"]
    if recording is not None:
        minutes, seconds = divmod(source.recorded_ms // 1000, 60)
        parts.append(f"会议录像（编号 {recording['recording_id']}，时长 {minutes} 分 {seconds:02d} 秒）")
    return "；".join(parts)


def remark_lines(remarks: Iterable[Mapping[str, Any]], offset: int) -> list[str]:
    """One paragraph per remark: "姓名：…"."""
    lines = []
    for remark in remarks:
        at = clock_text(remark["at_ms"], offset)
        if remark["kind"] == "spoken":
            until = f"–{clock_text(remark['until_ms'], offset)}" if remark["until_ms"] is not None else ""
            lines.append(f"{plain(remark['name'])}：口头发言（{at}{until}，见录像）")
        else:
            lines.append(f"{plain(remark['name'])}：{plain(remark['text'])}（{at}）")
    return lines


# --- the table --------------------------------------------------------------------------------------------------------


def _facts_rows(table: Any, source: ExportSource) -> None:
    meeting, counts = source.meeting, source.facts["counts"]
    present = [plain(row["name"]) for row in source.facts["attendance"] if row["state"] not in ("absent", "leave")]
    _row(table, "会议议题", meeting["title"])
    _row(table, "时间", span_text(source.start_ms, source.end_ms, source.offset), "地点", place_text(source))
    _row(table, "主持人", meeting["host_name"], "记录人", meeting["recorder_name"])
    if meeting["lecturer_name"]:
        _row(table, "主讲人", meeting["lecturer_name"])
    _row(table, "列席人", "、".join(plain(o["name"]) for o in source.facts["observers"]) or "无")
    voting = ("应到会有表决权党员人数", counts["expected_voting"], "实到会有表决权党员人数", counts["present_voting"])
    _row(table, *voting)
    _row(table, "应到人数", counts["expected"], "实到人数", counts["present"])
    _row(table, "参会人员", "、".join(present) or "无")
    _row(table, "缺席人员及缺席原因", absent_text(source))


def _content_row(table: Any, source: ExportSource) -> None:
    heading = _merged_row(table)
    _fill(heading, "会议内容", bold=True, centred=True)
    cell = _merged_row(table)
    items = {item["item_id"] for item in source.facts["agenda"]}
    remarks = source.facts["remarks"]
    for number, item in enumerate(source.facts["agenda"], 1):
        _paragraph(cell, f"{numeral(number)}、{plain(item['title'])}{_times(item, source.offset)}", bold=True)
        text = source.minutes["texts"].get(item["item_id"], "")
        own = remark_lines((r for r in remarks if r["agenda_item_id"] == item["item_id"]), source.offset)
        for line in [*plain(text).splitlines(), *own]:
            _paragraph(cell, line, indented=True)
    others = remark_lines((r for r in remarks if r["agenda_item_id"] not in items), source.offset)
    if others:
        _paragraph(cell, "其他发言", bold=True)
    for line in others:
        _paragraph(cell, line, indented=True)


def _times(item: Mapping[str, Any], offset: int) -> str:
    spans = [f"{clock_text(start, offset)}–{clock_text(end, offset)}" for start, end in item["spans"]]
    return f"（{'、'.join(spans)}）" if spans else "（未进行）"


def _closing_rows(table: Any, source: ExportSource) -> None:
    _row(table, "主持人总结", source.minutes["summary"] or "　")
    _row(table, "补课情况", makeup_text(source))
    _row(table, "附件清单", attachments_text(source))
    signed = {role: (name, at_ms) for role, name, at_ms in source.signatures}
    _row(table, "主持人签字", _signature(signed.get("host")), "记录人签字", _signature(signed.get("recorder")))
    last_ms = max((at_ms for _, _, at_ms in source.signatures), default=None)
    _row(table, "日期", day_text(last_ms, source.offset) if last_ms is not None else "　　　年　　月　　日")


def _signature(given: tuple[str, int] | None) -> str:
    """Both names stand there only when both really signed."""
    return f"{plain(given[0])}（电子签名）" if given else "　"


def _row(table: Any, *pairs: Any) -> None:
    """Heading and value, once over the whole width or twice."""
    cells = table.add_row().cells
    if len(pairs) == 2:
        cells[1].merge(cells[3])
    for index, (cell, value) in enumerate(zip(cells, pairs, strict=False)):
        cell.width = Mm(_WIDTHS_MM[index] if len(pairs) == 4 or index == 0 else sum(_WIDTHS_MM[1:]))
        _fill(cell, str(value), bold=index % 2 == 0, centred=index % 2 == 0)


def _merged_row(table: Any) -> Any:
    cells = table.add_row().cells
    return cells[0].merge(cells[3])


def _fill(cell: Any, text: str, *, bold: bool = False, centred: bool = False) -> None:
    paragraph = cell.paragraphs[0]
    if centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for number, line in enumerate(plain(text).splitlines() or [""]):
        if number:
            paragraph = cell.add_paragraph()
        _run(paragraph, line, bold=bold)


def _paragraph(cell: Any, text: str, *, bold: bool = False, indented: bool = False) -> None:
    first = cell.paragraphs[0]
    paragraph = first if not first.runs and len(cell.paragraphs) == 1 else cell.add_paragraph()
    paragraph.paragraph_format.line_spacing = Pt(28)
    if indented:
        paragraph.paragraph_format.first_line_indent = Pt(28)  # two characters of 14 pt
    _run(paragraph, text, bold=bold)


def _run(paragraph: Any, text: str, *, size: int = 14, font: str = _TEXT_FONT, bold: bool = False) -> None:
    run = paragraph.add_run(text)
    run.font.size = Pt(size)
    run.font.bold = bold
    run.font.name = font
    # Word takes Chinese characters from the East Asian slot only (ECMA-376 §17.3.2.26).
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)


def _page(document: Any, source: ExportSource) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    for name, millimetres in _MARGINS_MM.items():
        setattr(section, name, Mm(millimetres))
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _run(footer, f"{source.proof_line}　第 ", size=9)
    _page_number(footer)
    _run(footer, " 页", size=9)


def _page_number(paragraph: Any) -> None:
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    paragraph._element.append(field)
