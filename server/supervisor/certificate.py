"""A self-signed certificate for phones in the same network: browsers open cameras only on https pages."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

import ifaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME_DAYS = 365
RENEW_BEFORE_DAYS = 30


def local_addresses() -> list[str]:
    """IPv4 addresses of this machine that another one may reach, the likeliest first."""
    found = [
        ip.ip
        for adapter in ifaddr.get_adapters()
        if not adapter.name.startswith(("docker", "br-", "veth"))
        for ip in adapter.ips
        if isinstance(ip.ip, str) and not ipaddress.ip_address(ip.ip).is_loopback
    ]
    return sorted(found, key=lambda ip: not ipaddress.ip_address(ip).is_private)


def ensure_certificate(directory: Path, addresses: list[str]) -> tuple[Path, Path]:
    """(certificate, key) as PEM files, made anew when missing, near its end or for other addresses."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    cert_path, key_path = directory / "cert.pem", directory / "key.pem"
    if not (key_path.exists() and _covers(cert_path, addresses)):
        key = ec.generate_private_key(ec.SECP256R1())
        key_path.touch(mode=0o600)
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        cert_path.write_bytes(_certificate(key, addresses).public_bytes(serialization.Encoding.PEM))
    return cert_path, key_path


def _certificate(key: ec.EllipticCurvePrivateKey, addresses: list[str]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Huitang")])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ["127.0.0.1", *addresses]]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=LIFETIME_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )


def _covers(path: Path, addresses: list[str]) -> bool:
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=RENEW_BEFORE_DAYS)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known = {str(ip) for ip in names.get_values_for_type(x509.IPAddress)}
    return certificate.not_valid_after_utc > soon and set(addresses) <= known
