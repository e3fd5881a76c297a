"""The HLS playlist."""

from __future__ import annotations

from recordings.manifest import ManifestObject, playlist_of
from recordings.playlist import PlaylistSegment, live_playlist, write_playlist


def test_an_empty_playlist_is_live_and_valid() -> None:
    text = write_playlist([], 0, ended=False)
    assert text.splitlines()[0] == "#EXTM3U"
    assert "#EXT-X-ENDLIST" not in text and "#EXT-X-TARGETDURATION:6" in text


def test_a_change_of_the_init_is_a_discontinuity() -> None:
    segments = [
        PlaylistSegment("000000.m4s", "init0.mp4", 0, 4.0),
        PlaylistSegment("000001.m4s", "init1.mp4", 4000, 2.5),
        PlaylistSegment("000002.m4s", "init1.mp4", 6500, 7.25),
        PlaylistSegment("000003.m4s", "init0.mp4", 13_750, 1 / 3),
    ]
    assert write_playlist(segments, 1_790_000_000_123, ended=True) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:8\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PLAYLIST-TYPE:EVENT\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MAP:URI="init0.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20.123Z\n"
        "#EXTINF:4.000000,\n"
        "000000.m4s\n"
        "#EXT-X-DISCONTINUITY\n"
        '#EXT-X-MAP:URI="init1.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:24.123Z\n"
        "#EXTINF:2.500000,\n"
        "000001.m4s\n"
        "#EXTINF:7.250000,\n"
        "000002.m4s\n"
        "#EXT-X-DISCONTINUITY\n"
        '#EXT-X-MAP:URI="init0.mp4"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:33.873Z\n"
        "#EXTINF:0.333333,\n"
        "000003.m4s\n"
        "#EXT-X-ENDLIST\n"
    )


def test_init_objects_are_no_segments() -> None:
    init = ManifestObject(name="init0.mp4", sha256="0", bytes=1, start_ms=0, duration_ms=0)
    segment = ManifestObject(
        name="000000.m4s",
        sha256="1",
        bytes=2,
        start_ms=0,
        duration_ms=4000,
        duration_ticks=360_000,
        init_name="init0.mp4",
    )
    assert playlist_of([init, segment], 0, ended=False).count("#EXTINF") == 1


def test_the_live_playlist_begins_near_the_present_and_is_read_often() -> None:
    segments = [PlaylistSegment(f"{n:06d}.m4s", "init0.mp4", n * 2100, 2.1) for n in range(40)]
    whole = write_playlist(segments, 0, ended=False)
    live = live_playlist(whole)
    assert "#EXT-X-TARGETDURATION:4\n" in live and live.count("#EXT-X-START:TIME-OFFSET=-4.0\n") == 1
    assert [line for line in live.splitlines() if "START" not in line and "TARGET" not in line] == [
        line for line in whole.splitlines() if "TARGET" not in line
    ]


def test_the_live_playlist_never_promises_shorter_segments_than_it_has() -> None:
    segments = [PlaylistSegment("000000.m4s", "init0.mp4", 0, 5.6), PlaylistSegment("000001.m4s", "init0.mp4", 5600, 2)]
    assert "#EXT-X-TARGETDURATION:6\n" in live_playlist(write_playlist(segments, 0, ended=False))
    assert "#EXT-X-TARGETDURATION:4\n" in live_playlist(write_playlist([], 0, ended=False))


def test_what_is_over_begins_at_its_beginning() -> None:
    live = live_playlist(write_playlist([PlaylistSegment("000000.m4s", "init0.mp4", 0, 2)], 0, ended=True))
    assert "START" not in live and live.endswith("#EXT-X-ENDLIST\n")
