"""Certificates: an authority, the servers' certificate that it issues, and what is to be said of a given one. Pure."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER_LIFE = timedelta(days=397)
AUTHORITY_LIFE = timedelta(days=3653)
# A client whose clock is a little behind would not trust a certificate of this very second.
CLOCKS_DIFFER = timedelta(hours=1)
COMMON_NAME_LENGTH = 64


@dataclass(frozen=True)
class Pair:
    """A certificate, with its chain where it has one, and its private key; both PEM."""

    certificate: str
    key: str

    @property
    def pem(self) -> str:
        """Both in one text: a file of it is replaced in one step, and the two always fit."""
        return self.key.strip() + "\n" + self.certificate.strip() + "\n"


def authority(name: str, now: datetime, key: str = "") -> Pair:
    """Return an authority; of the same key where one is given: who trusts the one before trusts this one."""
    own = _key(key) if key else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:COMMON_NAME_LENGTH])])
    usage = _usage(signs_certificates=True)
    built = (
        _builder(subject, subject, own, now, now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(own, hashes.SHA256())
    )
    return _pair(built, own)


def issue(by: Pair, names: Sequence[str], addresses: Sequence[str], now: datetime) -> Pair:
    """Return a server's certificate of a new key for these names and addresses; it ends before its authority does."""
    issuer, signing, own = _first(by.certificate), _key(by.key), ec.generate_private_key(ec.SECP256R1())
    common = (*names, *addresses)[0][:COMMON_NAME_LENGTH]
    listed = [*(x509.DNSName(name) for name in names), *(x509.IPAddress(ipaddress.ip_address(a)) for a in addresses)]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    until = min(now + SERVER_LIFE, issuer.not_valid_after_utc)
    identified = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    built = (
        _builder(subject, issuer.subject, own, now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(listed), critical=False)
        .add_extension(identified, critical=False)
        .sign(signing, hashes.SHA256())
    )
    return _pair(built, own)


def expires(certificate: str) -> datetime:
    """Return until when a certificate is valid. Raises ValueError for what is none."""
    return _first(certificate).not_valid_after_utc


def ends_soon(certificate: str, now: datetime) -> bool:
    """Return True once less than a third of a certificate's life is left."""
    found = _first(certificate)
    return (found.not_valid_after_utc - now) * 3 < found.not_valid_after_utc - found.not_valid_before_utc


def faults(given: Pair, authorities: str, names: Sequence[str], address: str, now: datetime) -> Iterator[str]:
    """Yield what is wrong with a given certificate; without `authorities` nothing is said of who issued it.

    An address has to stand in it only where no name does: authorities seldom certify one.
    """
    try:
        chain = x509.load_pem_x509_certificates(given.certificate.encode())
        key = serialization.load_pem_private_key(given.key.encode(), None)
    except TypeError:
        yield "the key is encrypted; the servers need one without a passphrase"
        return
    except ValueError:
        yield "certificateFile or keyFile is no PEM"
        return
    if _encoded(chain[0].public_key()) != _encoded(key.public_key()):
        yield "the key is not the certificate's"
    if chain[0].not_valid_after_utc <= now:
        yield f"the certificate has expired on {chain[0].not_valid_after_utc:%Y-%m-%d}"
    if chain[0].not_valid_before_utc > now:
        yield f"the certificate is not valid before {chain[0].not_valid_before_utc:%Y-%m-%d}"
    missing = [name for name in (names or [address]) if not _covers(chain[0], name)]
    if missing:
        yield f"the certificate does not have {', '.join(missing)} among its names"
    if authorities and not _trusted(chain, authorities):
        yield "caFile has not issued the certificate"


def _covers(certificate: x509.Certificate, name: str) -> bool:
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    known = {each.lower() for each in listed.get_values_for_type(x509.DNSName)}
    known |= {str(each) for each in listed.get_values_for_type(x509.IPAddress)}
    return bool({name.lower(), "*." + name.lower().partition(".")[2]} & known)


def _trusted(chain: Sequence[x509.Certificate], authorities: str) -> bool:
    """Return True where a path leads from the first certificate to one of the authorities."""
    try:
        roots = x509.load_pem_x509_certificates(authorities.encode())
    except ValueError:
        return False
    current, others = chain[0], list(chain[1:])
    while True:
        if any(_issued(current, root) for root in roots):
            return True
        following = next((each for each in others if _issued(current, each)), None)
        if following is None:
            return False
        others.remove(following)
        current = following


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _first(certificate: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.encode())


def _key(text: str) -> ec.EllipticCurvePrivateKey:
    found = serialization.load_pem_private_key(text.encode(), None)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is of another kind than it was made of")
    return found


def _encoded(key: object) -> bytes:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_bytes(*form)  # type: ignore[attr-defined,no-any-return]  # every kind of public key has it


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since - CLOCKS_DIFFER)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), text.decode())
