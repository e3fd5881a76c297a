// Written by server/protocol/export.py from the Pydantic models. Never edit; run `make protocol`.
/* eslint-disable */

export const PROTOCOL_VERSION = 1;
export const MAX_MESSAGE_BYTES = 65536;

export const Commands = {
  RoomJoin: "room.join",
  RoomLeave: "room.leave",
  MeetingStart: "meeting.start",
  MeetingEnd: "meeting.end",
  TransportOffer: "transport.offer",
  PublicationAdd: "publication.add",
  PublicationMute: "publication.mute",
  PublicationRemove: "publication.remove",
  ViewSet: "view.set",
  QualityChoose: "quality.choose",
  IceServers: "ice.servers",
  SignIn: "sign_in.self",
  SignInProxy: "sign_in.proxy",
  RemarkPost: "remark.post",
  HandRaise: "hand.raise",
  HandLower: "hand.lower",
  FloorGive: "floor.give",
  FloorEnd: "floor.end",
  AgendaMove: "agenda.move",
  StagePin: "stage.pin",
  ParticipantMute: "participant.mute",
  ParticipantAllow: "participant.allow",
  ParticipantRemove: "participant.remove",
  ParticipantReadmit: "participant.readmit",
  RecordingPause: "recording.pause",
  RecordingResume: "recording.resume",
} as const;

export const RoomEvents = {
  ParticipantJoined: "participant.joined",
  ParticipantChanged: "participant.changed",
  ParticipantLeft: "participant.left",
  PublicationAdded: "publication.added",
  PublicationChanged: "publication.changed",
  PublicationRemoved: "publication.removed",
  HandsChanged: "hands.changed",
  FloorChanged: "floor.changed",
  RemarkAdded: "remark.added",
  AgendaMoved: "agenda.moved",
  StageChanged: "stage.changed",
  RollChanged: "roll.changed",
  RecordingStateChanged: "recording.changed",
  MeetingChanged: "meeting.changed",
} as const;

export const VolatileEvents = {
  SpeakersChanged: "speakers.changed",
  SlotsChanged: "slots.changed",
  MediaMoved: "media.moved",
  MuteRequested: "mute.requested",
  CodecRequested: "codec.requested",
  LayersRequested: "layers.requested",
  GrantsChanged: "grants.changed",
  RoomClosed: "room.closed",
} as const;

export const AttendanceState = {
  PRESENT: "present",
  LATE: "late",
  LEFT_EARLY: "left_early",
  LEAVE: "leave",
  ABSENT: "absent",
} as const;
export type AttendanceState = (typeof AttendanceState)[keyof typeof AttendanceState];

/** A code is added here, in server/error_map.py and in web/src/room/errors.ts (the build fails without it). */
export const ErrorCode = {
  BAD_REQUEST: "bad_request",
  MESSAGE_TOO_LARGE: "message_too_large",
  UNKNOWN_COMMAND: "unknown_command",
  PROTOCOL_VERSION: "protocol_version",
  NOT_SIGNED_IN: "not_signed_in",
  BAD_CREDENTIALS: "bad_credentials",
  LOGIN_THROTTLED: "login_throttled",
  CSRF: "csrf",
  STEP_UP_REQUIRED: "step_up_required",
  FORBIDDEN: "forbidden",
  NOT_FOUND: "not_found",
  CONFLICT: "conflict",
  VALIDATION: "validation",
  RATE_LIMITED: "rate_limited",
  TICKET_INVALID: "ticket_invalid",
  TICKET_EXPIRED: "ticket_expired",
  TICKET_USED: "ticket_used",
  RESUME_EXPIRED: "resume_expired",
  ROOM_CLOSED: "room_closed",
  ROOM_FULL: "room_full",
  REMOVED: "removed",
  REPLACED: "replaced",
  COMPANION: "companion",
  NOT_JOINED: "not_joined",
  MEETING_NOT_OPEN: "meeting_not_open",
  MEETING_STATE: "meeting_state",
  BAD_SDP: "bad_sdp",
  NO_USABLE_MEDIA: "no_usable_media",
  MEDIA_UNAVAILABLE: "media_unavailable",
  RECORDER_UNAVAILABLE: "recorder_unavailable",
  STORE_AWAY: "store_away",
  STORE_FULL: "store_full",
  DATABASE_AWAY: "database_away",
  LOG_UNAVAILABLE: "log_unavailable",
  RECORDING_NOT_READY: "recording_not_ready",
  WATCH_SESSION_OVER: "watch_session_over",
  ALREADY_SIGNED: "already_signed",
  INTERNAL_ERROR: "internal_error",
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

export const LedgerState = {
  DRAFT: "draft",
  SIGNED_BY_RECORDER: "signed_by_recorder",
  ARCHIVED: "archived",
} as const;
export type LedgerState = (typeof LedgerState)[keyof typeof LedgerState];

/** ``interrupted``: the server died in it and nobody came back; the host resumes or ends it. */
export const MeetingState = {
  SCHEDULED: "scheduled",
  LIVE: "live",
  INTERRUPTED: "interrupted",
  ENDED: "ended",
  CANCELLED: "cancelled",
} as const;
export type MeetingState = (typeof MeetingState)[keyof typeof MeetingState];

/** domain.md §2.1. */
export const MeetingType = {
  GENERAL_MEETING: "general_meeting",
  COMMITTEE_MEETING: "committee_meeting",
  GROUP_MEETING: "group_meeting",
  PARTY_LESSON: "party_lesson",
  THEME_DAY: "theme_day",
  ORG_LIFE_MEETING: "org_life_meeting",
  MEMBER_APPRAISAL: "member_appraisal",
} as const;
export type MeetingType = (typeof MeetingType)[keyof typeof MeetingType];

/** From signaling and media liveness together. */
export const Presence = {
  PRESENT: "present",
  UNSTABLE: "unstable",
  AWAY: "away",
} as const;
export type Presence = (typeof Presence)[keyof typeof Presence];

/** The low-bandwidth ladder, best first. Each rung keeps what stands below it. */
export const QualityLevel = {
  FULL: "full",
  STAGE: "stage",
  STILLS: "stills",
  AUDIO: "audio",
  TEXT: "text",
} as const;
export type QualityLevel = (typeof QualityLevel)[keyof typeof QualityLevel];

/** What the signed-in person may do somewhere; the menu is drawn from it. */
export const Right = {
  SCHEDULE: "schedule",
  HOST: "host",
  RECORD: "record",
  READ_LEDGER: "read_ledger",
  INSPECT: "inspect",
  ADMINISTER: "administer",
} as const;
export type Right = (typeof Right)[keyof typeof Right];

/** A participant's part in this meeting. */
export const RoomRole = {
  HOST: "host",
  RECORDER: "recorder",
  LECTURER: "lecturer",
  MEMBER: "member",
  OBSERVER: "observer",
} as const;
export type RoomRole = (typeof RoomRole)[keyof typeof RoomRole];

export type Source = "microphone" | "camera" | "screen" | "screen_audio";

/** Answer to a command: ``ok`` with ``data``, or not ``ok`` with ``error``. */
export interface Ack {
  ok: boolean;
  data: Record<string, unknown> | null;
  error: ErrorInfo | null;
}

export interface AgendaInfo {
  items: AgendaItemInfo[];
  current_item_id: string | null;
}

export interface AgendaItemInfo {
  item_id: string;
  title: string;
  planned_minutes: number | null;
  started_ms: number | null;
  ended_ms: number | null;
}

export interface AgendaItemInput {
  title: string;
  planned_minutes?: number | null;
}

/** Host or recorder: this item is discussed now; None: none is. */
export interface AgendaMove {
  request_id: string;
  item_id: string | null;
}

export interface AgendaMoved {
  revision: number;
  at_ms: number;
  type: "agenda.moved";
  agenda: AgendaInfo;
}

/** One agenda item of the minutes: times from the log, text by the recorder. */
export interface AgendaRecord {
  item_id: string;
  title: string;
  started_ms: number | null;
  ended_ms: number | null;
  remarks: RemarkInfo[];
  text: string;
}

/** ``explanation``: the rule's result in one sentence, in the reader's language. Make-up is its own column. */
export interface AttendanceRow {
  member_id: string;
  name: string;
  status: string;
  group: string | null;
  has_vote: boolean;
  state: AttendanceState;
  signed_in_ms: number | null;
  sign_in_method: string | null;
  signed_in_by: string | null;
  mode: string | null;
  joined_ms: number | null;
  left_ms: number | null;
  online_ms: number;
  leave_reason: string | null;
  makeup_done_ms: number | null;
  explanation: string;
}

/**
 * ``GET /api/meetings/{meeting_id}/broadcast``: the running program as HLS, some seconds behind the room.
 *
 * waiting: there is nothing to play yet; ask again in a few seconds. unavailable: ``reason`` says why (not_live,
 * ended, not_recorded, recording_failed, recorder_unavailable, store_away). A new recording in the same meeting has
 * another playlist, so ask again when this one stops.
 */
export interface BroadcastInfo {
  state: "live" | "waiting" | "unavailable";
  playlist_url: string | null;
  reason: string | null;
}

export interface Chapter {
  title: string;
  start_ms: number;
  end_ms: number;
}

/** To one client: somebody who watches cannot take this source's codec; send it with this one from now on. */
export interface CodecRequested {
  source: "camera" | "screen";
  codec: "H264" | "VP8";
}

/**
 * Socket.IO ``auth`` payload: a fresh ticket, or the resume token of a seat that the client already had.
 *
 * ``companion`` (with a ticket): as a second device that only watches, beside the one that holds the seat. Refused
 * with ``conflict`` when no device holds it. Without ``companion`` a ticket takes the seat over ("speak here").
 */
export interface ConnectAuth {
  protocol: number;
  ticket?: string | null;
  resume_token?: string | null;
  device?: "desktop" | "phone" | "site";
  companion?: boolean;
}

/** What is credited, and what is still missing to reach the required share. */
export interface Coverage {
  credited: Interval[];
  credited_ms: number;
  required_ms: number;
  duration_ms: number;
  done: boolean;
}

/** Body of every HTTP answer with status 400 or above. */
export interface ErrorBody {
  error: ErrorInfo;
}

/** What went wrong. ``code`` is stable; ``message`` is English for developers; ``error_id`` finds the log line. */
export interface ErrorInfo {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  error_id: string | null;
  fields: Record<string, string>;
}

export interface FloorChanged {
  revision: number;
  at_ms: number;
  type: "floor.changed";
  floor: FloorInfo | null;
}

/** Host, or the one who has the floor. */
export interface FloorEnd {
  request_id: string;
}

/** Host: 请发言. Takes the hand down and opens a spoken remark. */
export interface FloorGive {
  request_id: string;
  participant_id: string;
}

/** Who has been given the floor (请发言). */
export interface FloorInfo {
  participant_id: string;
  since_ms: number;
}

export interface GapInfo {
  start_ms: number;
  end_ms: number;
  reason: "pause" | "crash" | "loss";
}

/** To one client: what it may publish from now on; what is not in it any more has ended. */
export interface GrantsChanged {
  grants: RoomGrants;
}

export interface HandInfo {
  participant_id: string;
  raised_ms: number;
}

/** One's own hand, or (host) another's. */
export interface HandLower {
  request_id: string;
  participant_id?: string | null;
}

/** Raising twice keeps the place. */
export interface HandRaise {
  request_id: string;
}

/** The whole queue in order. */
export interface HandsChanged {
  revision: number;
  at_ms: number;
  type: "hands.changed";
  hands: HandInfo[];
}

/** ``GET /healthz``: 200 when a lesson can be held, else 503 with ``reason``. */
export interface Health {
  ok: boolean;
  version: string;
  database: string;
  object_store: string;
  media_workers: number;
  recorders: number;
  reason: string | null;
}

/** ``POST /api/watch/{session_id}/heartbeat``: "I played from ``from_ms`` to ``to_ms`` since the last one". */
export interface Heartbeat {
  nonce: string;
  seq: number;
  from_ms: number;
  to_ms: number;
  rate: number;
  visible: boolean;
  prompt_id?: string | null;
  reason?: "tick" | "pause" | "seek" | "rate" | "hidden" | "end" | "prompt";
}

/** ``refused_ms`` of this beat got no credit; ``refused_reason``: hidden, too_fast, rate, overlap, prompt, gap. */
export interface HeartbeatAnswer {
  nonce: string;
  coverage: Coverage;
  refused_ms: number;
  refused_reason: string | null;
  prompt: PresencePrompt | null;
  task: MakeupTaskInfo | null;
}

/** ``GET /api/home``. */
export interface Home {
  now: MeetingSummary[];
  upcoming: MeetingSummary[];
  makeup: MakeupTaskInfo[];
  to_sign: LedgerRow[];
  server_ms: number;
}

/** As ``RTCIceServer`` of browsers. */
export interface IceServer {
  urls: string[];
  username: string;
  credential: string;
}

/** TURN servers and a short-lived credential, for networks that let nothing else through. */
export interface IceServers {
  request_id: string;
}

/** Empty where the installation has no TURN server. Good for ``ttl_s``; ask again before a later ICE restart. */
export interface IceServersAnswered {
  servers: IceServer[];
  ttl_s: number;
}

/** Shown once. The program sends it as ``Authorization: Bearer …`` to ``url``. */
export interface IngestToken {
  token_id: string;
  kind: "whip" | "whep";
  token: string;
  url: string;
  expires_ms: number;
}

/** A token without itself. Revoked by ``DELETE …/ingest-tokens/{token_id}``. */
export interface IngestTokenInfo {
  token_id: string;
  kind: "whip" | "whep";
  name: string;
  created_ms: number;
  expires_ms: number;
}

/**
 * ``POST /api/meetings/{meeting_id}/ingest-tokens``. whip: an encoder sends into the room; whep: a player shows its
 * stage. ``name`` is what the room shows of it.
 */
export interface IngestTokenRequest {
  kind: "whip" | "whep";
  name?: string;
}

/** ``GET /api/meetings/{meeting_id}/ingest-tokens``. */
export interface IngestTokens {
  tokens: IngestTokenInfo[];
}

/** Half-open [start_ms, end_ms) of the recording's timeline. */
export interface Interval {
  start_ms: number;
  end_ms: number;
}

/**
 * Goes into the Socket.IO ``auth`` payload, never into a URL. ``server_url`` owns the room ("" = same origin).
 *
 * ``seat_held_on``: another device of this member is in the room now. Joining takes the seat over, unless it is done
 * with ``companion``.
 */
export interface JoinTicket {
  ticket: string;
  expires_ms: number;
  server_url: string;
  seat_held_on: "desktop" | "phone" | "site" | null;
}

/**
 * To one client: these encodings (rids) of the source are looked at; send them and no others.
 *
 * Empty: nobody looks at it now. A source with a single encoding has the rid "". Repeated while what comes differs.
 */
export interface LayersRequested {
  source: "camera" | "screen";
  rids: string[];
}

/** ``GET /api/ledger/{entry_id}``. */
export interface LedgerEntry {
  row: LedgerRow;
  place: string;
  host_name: string;
  recorder_name: string;
  lecturer_name: string | null;
  expected_voting: number;
  present_voting: number;
  attendance: AttendanceRow[];
  observers: string[];
  agenda: AgendaRecord[];
  other_remarks: RemarkInfo[];
  summary: string;
  recording: RecordingInfo;
  recording_duration_ms: number;
  signatures: SignatureInfo[];
  proof: Proof;
  can_edit: boolean;
  can_sign: "recorder" | "host" | null;
  version: number;
}

export interface LedgerPage {
  rows: LedgerRow[];
  next_cursor: string | null;
}

export interface LedgerRow {
  entry_id: string;
  meeting_id: string;
  title: string;
  type: MeetingType;
  ordinal: number;
  organisation: OrganisationRef;
  start_ms: number;
  end_ms: number;
  expected: number;
  present: number;
  state: LedgerState;
  missing: string[];
}

export interface Login {
  account: string;
  password: string;
}

/** A make-up duty. ``credited_ms`` of ``required_ms`` distinct milliseconds are proven. */
export interface MakeupTaskInfo {
  task_id: string;
  meeting_id: string;
  recording_id: string | null;
  title: string;
  due_ms: number;
  state: "open" | "done" | "overdue";
  credited_ms: number;
  required_ms: number;
  duration_ms: number;
  done_ms: number | null;
}

/** ``GET /api/me`` and the answer to ``POST /api/login``. */
export interface Me {
  member_id: string;
  name: string;
  account: string;
  branch: OrganisationRef | null;
  rights: Right[];
  manages: OrganisationRef[];
  csrf_token: string;
  must_change_password: boolean;
}

/** To the clients of a room: its media worker is gone or another one; make a new connection and offer again. */
export interface MediaMoved {
}

export interface MeetingChanged {
  revision: number;
  at_ms: number;
  type: "meeting.changed";
  state: MeetingState;
  started_ms: number | null;
  ended_ms: number | null;
}

/** ``GET /api/meetings/{meeting_id}``; the answer to ``POST /api/meetings`` and ``…/{meeting_id}/cancel`` too. */
export interface MeetingDetail {
  summary: MeetingSummary;
  place: string;
  recorder_name: string;
  agenda: AgendaItemInfo[];
  people: MeetingPerson[];
  recording: RecordingInfo;
  records: boolean;
  ledger_entry_id: string | null;
  can_edit: boolean;
}

/** Host: closes the room for everybody, ends the recording, assembles the ledger entry. */
export interface MeetingEnd {
  request_id: string;
}

/** ``POST /api/meetings``. Expected members default to the rule of the type (domain.md §2.1). */
export interface MeetingInput {
  organisation_id: string;
  type: MeetingType;
  title: string;
  start_ms: number;
  end_ms: number;
  host_member_id: string;
  recorder_member_id: string;
  lecturer_member_id?: string | null;
  observer_member_ids?: string[];
  place?: string;
  agenda?: AgendaItemInput[];
  not_classified: boolean;
  record?: boolean | null;
}

/** ``GET /api/meetings?organisation_id=&type=&state=&from_ms=&to_ms=&cursor=&limit=``, the newest first. */
export interface MeetingPage {
  rows: MeetingSummary[];
  next_cursor: string | null;
}

export interface MeetingPerson {
  member_id: string;
  name: string;
  role: RoomRole;
  has_vote: boolean;
  signed_in_ms: number | null;
  leave_reason: string | null;
}

/** Host: the meeting is live from now on; recording begins by itself for the types that require it. */
export interface MeetingStart {
  request_id: string;
}

/** ``my_role`` None: I am not expected. ``primary``: what the card's button does. */
export interface MeetingSummary {
  meeting_id: string;
  title: string;
  type: MeetingType;
  state: MeetingState;
  organisation: OrganisationRef;
  ordinal: number;
  start_ms: number;
  end_ms: number;
  host_name: string;
  lecturer_name: string | null;
  expected: number;
  signed_in: number;
  my_role: RoomRole | null;
  primary: "enter" | "wait" | "make_up" | "replay" | "view";
}

export interface MeetingTypeRule {
  type: MeetingType;
  quorum_percent: number | null;
  records_by_default: boolean;
  expected: number;
}

export interface MemberRef {
  member_id: string;
  name: string;
  status: string;
}

/** ``PUT /api/ledger/{entry_id}/minutes``; ``version`` must be the one read (else ``conflict``). */
export interface MinutesInput {
  version: number;
  texts: Record<string, string>;
  summary?: string;
  absence_reasons?: Record<string, string>;
}

/** To one client: the host muted this source; stop sending it and say so. */
export interface MuteRequested {
  source: Source;
}

export interface OrganisationRef {
  organisation_id: string;
  name: string;
  kind: string;
}

/**
 * Host: what a participant may publish, of what the role gives. What is taken ends at once and stays taken through
 * reconnects, until it is given back.
 */
export interface ParticipantAllow {
  request_id: string;
  participant_id: string;
  audio: boolean;
  video: boolean;
  screen: boolean;
}

export interface ParticipantChanged {
  revision: number;
  at_ms: number;
  type: "participant.changed";
  participant: ParticipantInfo;
}

/**
 * ``companion_of``: this is a second device of that participant's member. It only watches, is not counted, stands
 * on no roll; its seat may not be (any more) in the room. ``withheld``: taken away by the host.
 */
export interface ParticipantInfo {
  participant_id: string;
  member_id: string;
  name: string;
  role: RoomRole;
  presence: Presence;
  joined_ms: number;
  device: string;
  signed_in: boolean;
  quality: QualityLevel;
  withheld: ("audio" | "video" | "screen")[];
  companion_of: string | null;
}

export interface ParticipantJoined {
  revision: number;
  at_ms: number;
  type: "participant.joined";
  participant: ParticipantInfo;
}

/** ``reason``: left, lost, removed, replaced, ended. */
export interface ParticipantLeft {
  revision: number;
  at_ms: number;
  type: "participant.left";
  participant_id: string;
  reason: string;
}

/** Host: mutes a participant's microphone (never unmutes). */
export interface ParticipantMute {
  request_id: string;
  participant_id: string;
}

/** Host: takes a removal back. The member comes with a new ticket. Not removed: no change. */
export interface ParticipantReadmit {
  request_id: string;
  member_id: string;
}

/** Host: out of the room, and kept out of it (``removed``) until readmitted. */
export interface ParticipantRemove {
  request_id: string;
  participant_id: string;
}

/** ``POST /api/me/password``: at least 12 characters. All other sessions of the account end. */
export interface PasswordChange {
  old: string;
  new: string;
}

/** ``GET /api/planning/options?organisation_id=``: what the scheduling form offers. */
export interface PlanningOptions {
  organisations: OrganisationRef[];
  members: MemberRef[];
  types: MeetingTypeRule[];
}

export interface PresencePrompt {
  prompt_id: string;
  answer_by_ms: number;
}

/** Head of the meeting's log: ``events`` of them, the last one's hash, and the check code printed on exports. */
export interface Proof {
  events: number;
  head: string;
  check_code: string;
  verified: boolean;
}

/** The client begins to send this source (after ``replaceTrack``). Again: no change. */
export interface PublicationAdd {
  request_id: string;
  source: Source;
  muted?: boolean;
}

export interface PublicationAdded {
  revision: number;
  at_ms: number;
  type: "publication.added";
  publication: PublicationInfo;
}

export interface PublicationChanged {
  revision: number;
  at_ms: number;
  type: "publication.changed";
  publication: PublicationInfo;
}

/** ``publication_id`` is ``participant_id + ":" + source``. ``flowing``: packets arrive at the media worker. */
export interface PublicationInfo {
  publication_id: string;
  participant_id: string;
  source: Source;
  muted: boolean;
  flowing: boolean;
}

export interface PublicationMute {
  request_id: string;
  source: Source;
  muted: boolean;
}

export interface PublicationRemove {
  request_id: string;
  source: Source;
}

export interface PublicationRemoved {
  revision: number;
  at_ms: number;
  type: "publication.removed";
  publication_id: string;
}

/**
 * The most that the participant wants of the low-bandwidth ladder, by hand; None: as much as fits. Kept for the
 * seat until another device takes it over.
 */
export interface QualityChoose {
  request_id: string;
  level: QualityLevel | null;
}

/** ``state`` as in recordings.control.RecordingState, or "off". */
export interface RecordingInfo {
  recording_id: string | null;
  state: string;
  since_ms: number | null;
  code: string | null;
}

export interface RecordingPause {
  request_id: string;
}

export interface RecordingResume {
  request_id: string;
}

export interface RecordingStateChanged {
  revision: number;
  at_ms: number;
  type: "recording.changed";
  recording: RecordingInfo;
}

/** Also sent again with ``until_ms`` when a spoken turn ended (same ``remark_id``). */
export interface RemarkAdded {
  revision: number;
  at_ms: number;
  type: "remark.added";
  remark: RemarkInfo;
}

/** ``kind``: "text", or "spoken" for a turn on the floor (``until_ms`` set when it ended). */
export interface RemarkInfo {
  remark_id: string;
  participant_id: string;
  member_id: string;
  name: string;
  kind: string;
  text: string;
  at_ms: number;
  until_ms: number | null;
}

/** A remark on the record, 1 to 1,000 characters. */
export interface RemarkPost {
  request_id: string;
  text: string;
}

export interface RemarkPosted {
  remark: RemarkInfo;
}

/** ``GET /api/recordings/{id}``. */
export interface Replay {
  recording_id: string;
  meeting: MeetingSummary;
  playlist_url: string;
  live: boolean;
  origin_ms: number;
  duration_ms: number;
  chapters: Chapter[];
  remarks: RemarkInfo[];
  gaps: GapInfo[];
  rule: WatchRule;
  coverage: Coverage;
  resume_at_ms: number;
  watermark: string;
  task: MakeupTaskInfo | null;
}

export interface RollChanged {
  revision: number;
  at_ms: number;
  type: "roll.changed";
  entry: RollEntry;
  signed_in: number;
  signed_in_voting: number;
}

/** One expected member. ``method``: "self" or "proxy" (then ``signed_in_by`` names who ticked it). */
export interface RollEntry {
  member_id: string;
  name: string;
  has_vote: boolean;
  signed_in_ms: number | null;
  method: string | null;
  signed_in_by: string | null;
  leave_reason: string | null;
}

export interface RollInfo {
  expected: number;
  signed_in: number;
  expected_voting: number;
  signed_in_voting: number;
  entries: RollEntry[];
}

/** Last event before the server disconnects the client: ended, removed, replaced or moved. */
export interface RoomClosed {
  code: ErrorCode;
  reason: string;
}

export interface RoomGrants {
  publish_audio: boolean;
  publish_video: boolean;
  share_screen: boolean;
  remark: boolean;
  moderate: boolean;
}

/** First command after connecting. ``last_revision`` only after a reconnect of the same page. */
export interface RoomJoin {
  request_id: string;
  last_revision?: number | null;
}

/**
 * Either ``snapshot`` or, when the client's last revision is still known, the ``missed`` events after it.
 *
 * A ``companion`` has no resume token (""): it leaves with its socket and comes back with a new ticket.
 */
export interface RoomJoined {
  participant_id: string;
  resume_token: string;
  grants: RoomGrants;
  revision: number;
  server_ms: number;
  companion: boolean;
  snapshot: RoomSnapshot | null;
  missed: AnyRoomEvent[] | null;
}

export interface RoomLeave {
  request_id: string;
}

export interface RoomMeeting {
  meeting_id: string;
  title: string;
  type: MeetingType;
  state: MeetingState;
  organisation_name: string;
  host_name: string;
  lecturer_name: string | null;
  scheduled_start_ms: number;
  scheduled_end_ms: number;
  started_ms: number | null;
  ended_ms: number | null;
  quorum_percent: number | null;
}

/** The whole room at ``revision``; later events apply on top. */
export interface RoomSnapshot {
  revision: number;
  server_ms: number;
  meeting: RoomMeeting;
  participants: ParticipantInfo[];
  publications: PublicationInfo[];
  hands: HandInfo[];
  floor: FloorInfo | null;
  remarks: RemarkInfo[];
  agenda: AgendaInfo;
  pinned_publication_id: string | null;
  roll: RollInfo;
  recording: RecordingInfo;
  speakers: string[];
}

/** 签到 of oneself; apart from joining. */
export interface SignIn {
  request_id: string;
}

/** 代录: host or recorder ticks a member of the roll who sits at a site; who ticked stands on the record. */
export interface SignInProxy {
  request_id: string;
  member_id: string;
}

/** Step-up: the password again. */
export interface SignInput {
  password: string;
  version: number;
}

export interface SignatureInfo {
  role: "recorder" | "host";
  member_id: string;
  name: string;
  signed_ms: number;
}

export interface SignedIn {
  entry: RollEntry;
}

/** One m-line on which the server sends to the client. */
export interface SlotInfo {
  mid: string;
  kind: "audio" | "video";
  publication_id: string | null;
  paused: boolean;
}

/**
 * To one client: its slots now carry these publications, or are ``paused`` for want of bandwidth (or not any
 * more).
 */
export interface SlotsChanged {
  slots: SlotInfo[];
}

/** Loudest first. */
export interface SpeakersChanged {
  participant_ids: string[];
}

export interface StageChanged {
  revision: number;
  at_ms: number;
  type: "stage.changed";
  pinned_publication_id: string | null;
}

/** Host: this publication is the stage for everybody and in the recording; None: follow the speakers. */
export interface StagePin {
  request_id: string;
  publication_id: string | null;
}

/** ``POST /api/meetings/{meeting_id}/ticket``. */
export interface TicketRequest {
  device?: "desktop" | "phone" | "site";
}

export interface TransportAnswered {
  sdp: string;
  sources: Partial<Record<Source, string>>;
  slots: SlotInfo[];
}

/** One offer, one answer. Again for an ICE restart, more slots, or after ``media.moved``. */
export interface TransportOffer {
  request_id: string;
  sdp: string;
}

export interface ViewAnswered {
  slots: SlotInfo[];
}

/** The pictures that are shown, most important first; the first is the stage. None while the tab is hidden. */
export interface ViewSet {
  request_id: string;
  pictures: WantedPicture[];
}

/** A publication whose video the client shows, and how high in device pixels (0: as large as it comes). */
export interface WantedPicture {
  publication_id: string;
  height_px?: number;
}

/** The organisation's rule, shown before the first play (recording.md §5). */
export interface WatchRule {
  share_percent: number;
  max_rate: number;
  prompt_every_s: [number, number];
  prompt_answer_s: number;
}

/** ``POST /api/recordings/{id}/watch``. ``nonce`` goes into the first heartbeat, each answer brings the next. */
export interface WatchSession {
  session_id: string;
  nonce: string;
  heartbeat_s: number;
  coverage: Coverage;
}

export type AnyRoomEvent =
  | ParticipantJoined
  | ParticipantChanged
  | ParticipantLeft
  | PublicationAdded
  | PublicationChanged
  | PublicationRemoved
  | HandsChanged
  | FloorChanged
  | RemarkAdded
  | AgendaMoved
  | StageChanged
  | RollChanged
  | RecordingStateChanged
  | MeetingChanged;

/** Command name → what is sent, and the ``data`` of its acknowledgement. */
export interface CommandMap {
  "room.join": { request: RoomJoin; answer: RoomJoined };
  "room.leave": { request: RoomLeave; answer: null };
  "meeting.start": { request: MeetingStart; answer: null };
  "meeting.end": { request: MeetingEnd; answer: null };
  "transport.offer": { request: TransportOffer; answer: TransportAnswered };
  "publication.add": { request: PublicationAdd; answer: null };
  "publication.mute": { request: PublicationMute; answer: null };
  "publication.remove": { request: PublicationRemove; answer: null };
  "view.set": { request: ViewSet; answer: ViewAnswered };
  "quality.choose": { request: QualityChoose; answer: null };
  "ice.servers": { request: IceServers; answer: IceServersAnswered };
  "sign_in.self": { request: SignIn; answer: SignedIn };
  "sign_in.proxy": { request: SignInProxy; answer: SignedIn };
  "remark.post": { request: RemarkPost; answer: RemarkPosted };
  "hand.raise": { request: HandRaise; answer: null };
  "hand.lower": { request: HandLower; answer: null };
  "floor.give": { request: FloorGive; answer: null };
  "floor.end": { request: FloorEnd; answer: null };
  "agenda.move": { request: AgendaMove; answer: null };
  "stage.pin": { request: StagePin; answer: null };
  "participant.mute": { request: ParticipantMute; answer: null };
  "participant.allow": { request: ParticipantAllow; answer: null };
  "participant.remove": { request: ParticipantRemove; answer: null };
  "participant.readmit": { request: ParticipantReadmit; answer: null };
  "recording.pause": { request: RecordingPause; answer: null };
  "recording.resume": { request: RecordingResume; answer: null };
}

export interface RoomEventMap {
  "participant.joined": ParticipantJoined;
  "participant.changed": ParticipantChanged;
  "participant.left": ParticipantLeft;
  "publication.added": PublicationAdded;
  "publication.changed": PublicationChanged;
  "publication.removed": PublicationRemoved;
  "hands.changed": HandsChanged;
  "floor.changed": FloorChanged;
  "remark.added": RemarkAdded;
  "agenda.moved": AgendaMoved;
  "stage.changed": StageChanged;
  "roll.changed": RollChanged;
  "recording.changed": RecordingStateChanged;
  "meeting.changed": MeetingChanged;
}

export interface VolatileEventMap {
  "speakers.changed": SpeakersChanged;
  "slots.changed": SlotsChanged;
  "media.moved": MediaMoved;
  "mute.requested": MuteRequested;
  "codec.requested": CodecRequested;
  "layers.requested": LayersRequested;
  "grants.changed": GrantsChanged;
  "room.closed": RoomClosed;
}

/** What the caller of a command gives: everything but the request id, which the signaling client adds. */
export type CommandPayload<N extends keyof CommandMap> = Omit<CommandMap[N]["request"], "request_id">;
/** Every event that the server can send. */
export type EventMap = RoomEventMap & VolatileEventMap;
