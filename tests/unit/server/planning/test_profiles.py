from __future__ import annotations

from pathlib import Path

import pytest

from server.planning import profiles
from server.planning.profiles import load_profiles
from server.protocol.models import MeetingType

TEXT = Path(profiles.__file__).with_name("meeting_profiles.toml").read_text(encoding="utf-8")


def test_every_type_has_its_rule() -> None:
    found = load_profiles()
    assert set(found.types) == set(MeetingType)
    assert found.version


def test_a_lesson_has_no_quorum_and_is_recorded() -> None:
    lesson = load_profiles().types[MeetingType.PARTY_LESSON]
    assert lesson.quorum_percent is None
    assert lesson.records_by_default


def test_criticism_is_not_recorded_by_default() -> None:
    assert not load_profiles().types[MeetingType.ORG_LIFE_MEETING].records_by_default


def test_decisions_need_half_of_the_voting_members() -> None:
    assert load_profiles().types[MeetingType.GENERAL_MEETING].quorum_percent == 50


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[types.theme_day]", "[types.theme_week]", "theme_day, theme_week"),
        ('expected = "committee"', 'expected = "everybody"', "everybody"),
        ("quorum_percent = 50", "quorum_percent = 0", "between 1 and 100"),
    ],
)
def test_a_wrong_file_is_refused_with_its_fault(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        load_profiles(file)
