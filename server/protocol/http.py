"""Bodies of the HTTP API under ``/api``. server/http/routes.py holds the table; the OpenAPI document is made from both.

Every state-changing request of a session carries the header ``X-CSRF-Token`` (from ``Me.csrf_token``), except the
watch heartbeat, which browsers send as a beacon and which carries its own session token instead.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from server.protocol.base import Message
from server.protocol.models import (
    AgendaItemInfo,
    DeviceKind,
    MeetingState,
    MeetingType,
    RecordingInfo,
    RemarkInfo,
    RoomRole,
)

MAX_INT32 = 2**31 - 1  # as ms: 24 days, longer than any recording
# Until the year 2100: what lies beyond is a mistake, and more digits than a column holds are refused here.
WallMs = Annotated[int, Field(ge=0, le=4_102_444_800_000)]


class Right(StrEnum):
    """What the signed-in person may do somewhere; the menu is drawn from it."""

    SCHEDULE = "schedule"
    HOST = "host"
    RECORD = "record"  # keep minutes, tick members, sign as recorder
    READ_LEDGER = "read_ledger"
    INSPECT = "inspect"
    ADMINISTER = "administer"


class Login(Message):
    account: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)


class PasswordChange(Message):
    """``POST /api/me/password``: at least 12 characters. All other sessions of the account end."""

    old: str = Field(min_length=1, max_length=256)
    new: str = Field(min_length=12, max_length=256)


class OrganisationRef(Message):
    organisation_id: str
    name: str
    kind: str  # party_committee, general_branch, branch, temporary_branch, party_group


class Me(Message):
    """``GET /api/me`` and the answer to ``POST /api/login``."""

    member_id: str
    name: str
    account: str
    branch: OrganisationRef | None
    rights: tuple[Right, ...]
    manages: tuple[OrganisationRef, ...]  # where SCHEDULE holds
    csrf_token: str
    must_change_password: bool = False


class MeetingSummary(Message):
    """``my_role`` None: I am not expected. ``primary``: what the card's button does."""

    meeting_id: str
    title: str
    type: MeetingType
    state: MeetingState
    organisation: OrganisationRef
    ordinal: int  # 第 n 次 of its type in the year
    start_ms: int
    end_ms: int
    host_name: str
    lecturer_name: str | None
    expected: int
    signed_in: int
    my_role: RoomRole | None
    primary: Literal["enter", "wait", "make_up", "replay", "view"]


class MakeupTaskInfo(Message):
    """A make-up duty. ``credited_ms`` of ``required_ms`` distinct milliseconds are proven."""

    task_id: str
    meeting_id: str
    recording_id: str | None
    title: str
    due_ms: int
    state: Literal["open", "done", "overdue"]
    credited_ms: int
    required_ms: int
    duration_ms: int
    done_ms: int | None = None


class Home(Message):
    """``GET /api/home``."""

    now: tuple[MeetingSummary, ...]  # live, or less than 30 min away
    upcoming: tuple[MeetingSummary, ...]
    makeup: tuple[MakeupTaskInfo, ...]
    to_sign: tuple[LedgerRow, ...]
    server_ms: int


class AgendaItemInput(Message):
    title: str = Field(min_length=1, max_length=200)
    planned_minutes: int | None = Field(default=None, ge=1, le=600)


class MeetingInput(Message):
    """``POST /api/meetings``. Expected members default to the rule of the type (domain.md §2.1)."""

    organisation_id: str
    type: MeetingType
    title: str = Field(min_length=1, max_length=200)
    start_ms: WallMs
    end_ms: WallMs
    host_member_id: str
    recorder_member_id: str
    lecturer_member_id: str | None = None
    observer_member_ids: tuple[str, ...] = ()
    place: str = Field(default="", max_length=200)
    agenda: tuple[AgendaItemInput, ...] = ()
    not_classified: bool  # 「本次会议不涉密」 must be true
    record: bool | None = None  # None: as the type's rule says


class MemberRef(Message):
    member_id: str
    name: str
    status: str  # full, probationary, activist, mass


class PlanningOptions(Message):
    """``GET /api/planning/options?organisation_id=``: what the scheduling form offers."""

    organisations: tuple[OrganisationRef, ...]
    members: tuple[MemberRef, ...]
    types: tuple[MeetingTypeRule, ...]


class MeetingTypeRule(Message):
    type: MeetingType
    quorum_percent: int | None
    records_by_default: bool
    expected: int


class MeetingPerson(Message):
    member_id: str
    name: str
    role: RoomRole
    has_vote: bool
    signed_in_ms: int | None = None
    leave_reason: str | None = None


class MeetingDetail(Message):
    """``GET /api/meetings/{meeting_id}``; the answer to ``POST /api/meetings`` and ``…/{meeting_id}/cancel`` too."""

    summary: MeetingSummary
    place: str
    recorder_name: str
    agenda: tuple[AgendaItemInfo, ...]
    people: tuple[MeetingPerson, ...]
    recording: RecordingInfo
    records: bool  # recording begins by itself with the meeting: the lobby says so before anybody enters
    ledger_entry_id: str | None
    can_edit: bool


class MeetingPage(Message):
    """``GET /api/meetings?organisation_id=&type=&state=&from_ms=&to_ms=&cursor=&limit=``, the newest first."""

    rows: tuple[MeetingSummary, ...]
    next_cursor: str | None = None


class TicketRequest(Message):
    """``POST /api/meetings/{meeting_id}/ticket``."""

    device: DeviceKind = "desktop"


class JoinTicket(Message):
    """Goes into the Socket.IO ``auth`` payload, never into a URL. ``server_url`` owns the room ("" = same origin).

    ``seat_held_on``: another device of this member is in the room now. Joining takes the seat over, unless it is done
    with ``companion``.
    """

    ticket: str
    expires_ms: int
    server_url: str
    seat_held_on: DeviceKind | None = None


# --- replay and make-up -----------------------------------------------------------------------------------------------


class Interval(Message):
    """Half-open [start_ms, end_ms) of the recording's timeline."""

    start_ms: int
    end_ms: int


class Chapter(Message):
    title: str
    start_ms: int
    end_ms: int


class GapInfo(Message):
    start_ms: int
    end_ms: int
    reason: Literal["pause", "crash", "loss"]


class WatchRule(Message):
    """The organisation's rule, shown before the first play (recording.md §5)."""

    share_percent: int
    max_rate: float
    prompt_every_s: tuple[int, int]
    prompt_answer_s: int


class Coverage(Message):
    """What is credited, and what is still missing to reach the required share."""

    credited: tuple[Interval, ...]
    credited_ms: int
    required_ms: int
    duration_ms: int
    done: bool


class Replay(Message):
    """``GET /api/recordings/{id}``."""

    recording_id: str
    meeting: MeetingSummary
    playlist_url: str
    live: bool
    origin_ms: int
    duration_ms: int
    chapters: tuple[Chapter, ...]
    remarks: tuple[RemarkInfo, ...]
    gaps: tuple[GapInfo, ...]
    rule: WatchRule
    coverage: Coverage
    resume_at_ms: int
    watermark: str
    task: MakeupTaskInfo | None


class WatchSession(Message):
    """``POST /api/recordings/{id}/watch``. ``nonce`` goes into the first heartbeat, each answer brings the next."""

    session_id: str
    nonce: str
    heartbeat_s: int
    coverage: Coverage


class Heartbeat(Message):
    """``POST /api/watch/{session_id}/heartbeat``: "I played from ``from_ms`` to ``to_ms`` since the last one"."""

    nonce: str = Field(max_length=128)
    seq: int = Field(ge=1, le=MAX_INT32)
    from_ms: int = Field(ge=0, le=MAX_INT32)
    to_ms: int = Field(ge=0, le=MAX_INT32)
    rate: float = Field(gt=0, le=16)
    visible: bool
    prompt_id: str | None = None  # answered prompt
    reason: Literal["tick", "pause", "seek", "rate", "hidden", "end", "prompt"] = "tick"


class PresencePrompt(Message):
    prompt_id: str
    answer_by_ms: int


class HeartbeatAnswer(Message):
    """``refused_ms`` of this beat got no credit; ``refused_reason``: hidden, too_fast, rate, overlap, prompt, gap."""

    nonce: str
    coverage: Coverage
    refused_ms: int = 0
    refused_reason: str | None = None
    prompt: PresencePrompt | None = None
    task: MakeupTaskInfo | None = None


# --- ledger -----------------------------------------------------------------------------------------------------------


class LedgerState(StrEnum):
    DRAFT = "draft"
    SIGNED_BY_RECORDER = "signed_by_recorder"
    ARCHIVED = "archived"  # both signatures


class LedgerRow(Message):
    entry_id: str
    meeting_id: str
    title: str
    type: MeetingType
    ordinal: int
    organisation: OrganisationRef
    start_ms: int
    end_ms: int
    expected: int
    present: int
    state: LedgerState
    missing: tuple[
        str, ...
    ]  # codes of what is still missing: absence_reason, recorder_signature, host_signature, minutes


class LedgerPage(Message):
    rows: tuple[LedgerRow, ...]
    next_cursor: str | None = None


class AttendanceState(StrEnum):
    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left_early"
    LEAVE = "leave"
    ABSENT = "absent"


class AttendanceRow(Message):
    """``explanation``: the rule's result in one sentence, in the reader's language. Make-up is its own column."""

    member_id: str
    name: str
    status: str
    group: str | None
    has_vote: bool
    state: AttendanceState
    signed_in_ms: int | None
    sign_in_method: str | None
    signed_in_by: str | None
    mode: str | None  # online, site name
    joined_ms: int | None
    left_ms: int | None
    online_ms: int
    leave_reason: str | None
    makeup_done_ms: int | None
    explanation: str


class AgendaRecord(Message):
    """One agenda item of the minutes: times from the log, text by the recorder."""

    item_id: str
    title: str
    started_ms: int | None
    ended_ms: int | None
    remarks: tuple[RemarkInfo, ...]
    text: str


class SignatureInfo(Message):
    role: Literal["recorder", "host"]
    member_id: str
    name: str
    signed_ms: int


class Proof(Message):
    """Head of the meeting's log: ``events`` of them, the last one's hash, and the check code printed on exports."""

    events: int
    head: str
    check_code: str
    verified: bool


class LedgerEntry(Message):
    """``GET /api/ledger/{entry_id}``."""

    row: LedgerRow
    place: str
    host_name: str
    recorder_name: str
    lecturer_name: str | None
    expected_voting: int
    present_voting: int
    attendance: tuple[AttendanceRow, ...]
    observers: tuple[str, ...]
    agenda: tuple[AgendaRecord, ...]
    other_remarks: tuple[RemarkInfo, ...]
    summary: str
    recording: RecordingInfo
    recording_duration_ms: int
    signatures: tuple[SignatureInfo, ...]
    proof: Proof
    can_edit: bool
    can_sign: Literal["recorder", "host"] | None
    version: int


class MinutesInput(Message):
    """``PUT /api/ledger/{entry_id}/minutes``; ``version`` must be the one read (else ``conflict``)."""

    version: int
    texts: dict[str, str]  # agenda item_id → text
    summary: str = Field(default="", max_length=5000)
    absence_reasons: dict[str, str] = Field(default_factory=dict)  # member_id → reason class


class SignInput(Message):
    """Step-up: the password again."""

    password: str = Field(max_length=256)
    version: int


class Health(Message):
    """``GET /healthz``: 200 when a lesson can be held, else 503 with ``reason``."""

    ok: bool
    version: str
    database: str
    object_store: str
    media_workers: int
    recorders: int
    reason: str | None = None


Home.model_rebuild()
PlanningOptions.model_rebuild()
