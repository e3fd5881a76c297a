"""The answers to captured offers, kept to be read: ``python -m tests.unit.media.sdp_answers`` writes them anew.

Safari's offer is a public capture (its ``i=`` line says which) and has not the lines of a lesson: ``as_lesson`` makes
them of what Safari says about sound and pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.unit.media.conftest import SDP, read_offer
from tests.unit.media.test_sdp import answer_to, sections

ANSWERS = SDP / "answers"
CAPTURED = ("chromium", "chromium-simulcast", "firefox", "firefox-simulcast", "safari", "ffmpeg")
LESSON = (
    *(("audio", "sendonly"), ("video", "sendonly"), ("video", "sendonly"), ("audio", "sendonly")),
    *((("audio", "recvonly"),) * 3),
    *((("video", "recvonly"),) * 4),
)


def offers() -> Iterator[tuple[str, str]]:
    """Each with the name of its answer."""
    for name in CAPTURED:
        yield name, read_offer(name)
    yield "safari-lesson", as_lesson(read_offer("safari"))


def as_lesson(offer: str) -> str:
    """One microphone, camera, screen and its sound, three slots for sound and four for pictures."""
    parts = {part.split(" ")[0][2:]: part for part in sections(offer)}
    head = re.sub(r"a=group:BUNDLE.*", "a=group:BUNDLE " + " ".join(map(str, range(len(LESSON)))), offer.split("m=")[0])
    text = head.replace("\r", "")
    for mid, (kind, direction) in enumerate(LESSON):
        part = re.sub(r"^a=(sendrecv|recvonly)$", f"a={direction}", parts[kind], flags=re.MULTILINE)
        part = re.sub(r"^a=(ssrc|msid).*\n", "", part, flags=re.MULTILINE)
        text += re.sub(r"^a=mid:.*$", f"a=mid:{mid}", part, flags=re.MULTILINE)
    return text.replace("\n", "\r\n")


def main() -> None:
    ANSWERS.mkdir(exist_ok=True)
    for name, offer in offers():
        (ANSWERS / f"{name}.sdp").write_bytes(answer_to(offer).encode())


if __name__ == "__main__":
    main()
