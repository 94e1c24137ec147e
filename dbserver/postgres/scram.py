"""SCRAM-SHA-256 verifiers (RFC 5802, PostgreSQL's rolpassword).

With a verifier the password itself never reaches the server in SQL, so no
log can hold it; and a stored verifier tells whether a password is current.
"""

import base64
import hashlib
import hmac
import os

ITERATIONS = 4096
SALT_BYTES = 16


def verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return the value for ALTER ROLE ... PASSWORD."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_encoded(salt)}${_encoded(stored_key)}:{_encoded(server_key)}"


def matches(stored: str | None, password: str) -> bool:
    """Return True where the stored verifier is this password's; False for any other form (md5, none)."""
    if stored is None:
        return False
    try:
        scheme, parameters, _ = stored.split("$")
        iterations, salt = parameters.split(":")
        if scheme != "SCRAM-SHA-256":
            return False
        expected = verifier(password, base64.b64decode(salt), int(iterations))
    except ValueError:
        return False
    return hmac.compare_digest(expected, stored)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
