"""The comparison's arithmetic, and that Janus is configured to contact nobody."""

from __future__ import annotations

from pathlib import Path

from tests.bench.conftest import measurement
from tests.bench.report import Measurement
from tests.peers.comparison import COLUMNS, compare, table
from tests.peers.janus import JanusOptions, configure


def _measurement(cost: float) -> Measurement:
    return measurement(server_cpu_s_per_million=cost, delivered_fraction=1.0)


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    report = compare([_measurement(2.0), _measurement(3.0), _measurement(9.0)], [_measurement(10.0)] * 3, 1)
    assert report["ratio_to_janus"] == 0.3
    assert report["ratios"] == [0.2, 0.3, 0.9]
    lines = table(report).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| huitang | 3 |")
    assert lines[3].endswith("| AEAD_AES_128_GCM |")
    assert [cell(report) for _heading, cell in COLUMNS][:4] == ["one", "3", "3.00 ; 10.00", "0.30"]


def test_janus_is_told_of_no_other_host_and_loads_the_videoroom_only(tmp_path: Path) -> None:
    plugins, transports = tmp_path / "plugins", tmp_path / "transports"
    for folder, names in ((plugins, ("videoroom", "sip")), (transports, ("websockets", "http"))):
        folder.mkdir()
        for name in names:
            (folder / f"libjanus_{name}.so").touch()
    configure(tmp_path, JanusOptions(0, "192.0.2.7", 1), 4000, plugins, transports)
    text = "".join(path.read_text() for path in tmp_path.glob("*.jcfg"))
    assert "stun" not in text
    assert "turn" not in text
    assert 'disable = "libjanus_sip.so"' in text
    assert 'disable = "libjanus_http.so"' in text
    assert 'ice_enforce_list = "192.0.2.7"' in text
    assert 'ws_ip = "192.0.2.7"' in text
    assert "event_loops = 1" in text
