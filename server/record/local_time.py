"""Dates and times as they are written in Chinese and English records. Pure; the offset comes from the caller."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

_WEEKDAYS = "一二三四五六日"


def local(at_ms: int, offset_minutes: int) -> datetime:
    """Aware local time."""
    return datetime.fromtimestamp(at_ms / 1000, timezone(timedelta(minutes=offset_minutes)))


def naive(at_ms: int, offset_minutes: int) -> datetime:
    """Local time to the second without its zone: spreadsheets have no other."""
    return local(at_ms, offset_minutes).replace(tzinfo=None, microsecond=0)


def day_text(at_ms: int, offset_minutes: int) -> str:
    """2026年11月25日（周三）"""
    when = local(at_ms, offset_minutes)
    return f"{when.year}年{when.month}月{when.day}日（周{_WEEKDAYS[when.weekday()]}）"


def clock_text(at_ms: int, offset_minutes: int) -> str:
    """15:00"""
    return f"{local(at_ms, offset_minutes):%H:%M}"


def span_text(start_ms: int, end_ms: int, offset_minutes: int) -> str:
    """2026年11月25日（周三）15:00–16:30; the second day is named when it is another one."""
    end = clock_text(end_ms, offset_minutes)
    if local(start_ms, offset_minutes).date() != local(end_ms, offset_minutes).date():
        end = day_text(end_ms, offset_minutes) + end
    return f"{day_text(start_ms, offset_minutes)}{clock_text(start_ms, offset_minutes)}–{end}"


def date_digits(at_ms: int, offset_minutes: int) -> str:
    """20261125"""
    return f"{local(at_ms, offset_minutes):%Y%m%d}"
