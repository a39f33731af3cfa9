"""A development certificate: a CA of our own and a server certificate for this machine's names."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from extproc.model import ExtprocError

VALID = dt.timedelta(days=365)
RENEW_BEFORE = dt.timedelta(days=30)


class CertificateError(ExtprocError):
    """The operator's: which file, and what is wrong with it."""

    code = "certificate"


@dataclass(frozen=True, slots=True)
class DevCertificate:
    """Paths of PEM files; clients trust `ca`."""

    ca: Path
    cert: Path
    key: Path


def check_pair(cert: Path, key: Path, now: dt.datetime) -> dt.datetime:
    """When the certificate expires. Raises CertificateError where files are missing, no pair, or expired."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
        expiry = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
    except FileNotFoundError as error:
        missing = next((path for path in (cert, key) if not path.exists()), cert)
        raise CertificateError(f"{missing}: no such file") from error
    except (OSError, ValueError) as error:
        raise CertificateError(f"{cert} and {key}: not a certificate and its key ({error})") from error
    if expiry < now:
        raise CertificateError(f"{cert}: expired on {expiry:%Y-%m-%d}")
    return expiry


def check_ca(ca: Path) -> None:
    """Raises CertificateError where the file is missing or holds no certificate."""
    try:
        x509.load_pem_x509_certificates(ca.read_bytes())
    except OSError as error:
        raise CertificateError(f"{ca}: {error.strerror}") from error
    except ValueError as error:
        raise CertificateError(f"{ca}: holds no certificate in PEM form") from error


def ensure_dev_certificate(directory: Path, now: dt.datetime) -> DevCertificate:
    """The development certificate in this directory, made anew when it is missing or near its end. Raises OSError."""
    files = DevCertificate(directory / "ca.pem", directory / "server.pem", directory / "server-key.pem")
    if not _usable(files, now):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(files, now)
    return files


def _usable(files: DevCertificate, now: dt.datetime) -> bool:
    try:
        check_pair(files.cert, files.key, now + RENEW_BEFORE)
    except CertificateError:
        return False
    return files.ca.exists()


def _make(files: DevCertificate, now: dt.datetime) -> None:
    """The CA's key is used once and never written: nobody can sign with it later."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Keeptrusts development CA")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    ca = (
        _builder(issuer, issuer, ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .add_extension(_ca_usage(), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), *map(x509.IPAddress, map(ipaddress.ip_address, ("127.0.0.1", "::1")))]
    cert = (
        _builder(subject, issuer, key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for path, data in ((files.key, private), (files.cert, cert.public_bytes(pem)), (files.ca, ca.public_bytes(pem))):
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(data)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + VALID)
    )


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
