"""Which publication each slot carries. Pure; one rule for videos that a client asks for and voices that are heard."""

from __future__ import annotations

from collections.abc import Sequence


def assign(current: Sequence[str | None], wanted: Sequence[str]) -> list[str | None]:
    """Slots keep what is still wanted; free ones are filled in order of importance; what does not fit is left out."""
    chosen = list(dict.fromkeys(wanted))[: len(current)]
    keep = set(chosen)
    result: list[str | None] = []
    for id_ in current:
        if id_ is not None and id_ in keep:
            keep.discard(id_)
            result.append(id_)
        else:
            result.append(None)
    missing = iter([id_ for id_ in chosen if id_ in keep])
    return [id_ if id_ is not None else next(missing, None) for id_ in result]
