"""The self-signed certificate names this machine's addresses and is kept while it does."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from cryptography import x509

from server.supervisor.certificate import ensure_certificate, local_addresses


def test_names_the_addresses_and_keeps_its_key_to_itself(tmp_path: Path) -> None:
    cert_path, key_path = ensure_certificate(tmp_path / "tls", ["192.0.2.7"])
    certificate = x509.load_pem_x509_certificate(cert_path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address("192.0.2.7") in names.get_values_for_type(x509.IPAddress)
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert key_path.stat().st_mode & 0o077 == 0


def test_is_kept_until_an_address_is_missing_or_the_key_is_gone(tmp_path: Path) -> None:
    cert_path, key_path = ensure_certificate(tmp_path, ["192.0.2.7"])
    first = cert_path.read_bytes()
    ensure_certificate(tmp_path, ["192.0.2.7"])
    assert cert_path.read_bytes() == first
    ensure_certificate(tmp_path, ["192.0.2.8"])
    second = cert_path.read_bytes()
    assert second != first
    key_path.unlink()
    ensure_certificate(tmp_path, ["192.0.2.8"])
    assert cert_path.read_bytes() != second


def test_local_addresses_are_none_of_loopback() -> None:
    assert not [address for address in local_addresses() if ipaddress.ip_address(address).is_loopback]
