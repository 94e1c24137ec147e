"""Storage that speaks S3 as a target. An object is one request, so that it is there whole or not at all."""

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ProfileNotFound,
)

from dbserver.cleaning import clean
from dbserver.errors import DbServerError, UsageError
from dbserver.offsite.place import Address, Place

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 10, 60, 5
ONE_REQUEST_BYTES = 1 << 30
REGION = "us-east-1"
# What they tell of each request at --debug holds signatures.
for _name in ("boto3", "botocore", "s3transfer", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)
REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "AuthFailure",
           "ExpiredToken", "403", "401")  # fmt: skip
CREDENTIALS = "credentialsFile with [default], aws_access_key_id and aws_secret_access_key; docs/how-to/offsite.md"


def open_target(wanted: Place, address: Address) -> "S3":
    """Return the target; nothing is asked of it yet."""
    session = botocore.session.Session(profile="default" if wanted.credentials_file else None)
    if wanted.credentials_file:  # a profile that is named comes before the environment
        session.set_config_variable("credentials_file", wanted.credentials_file)
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
        # Many servers that speak S3 do not know the newer checksums; what is read is hashed by us.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if wanted.endpoint else "auto"},
    )
    with _told(address.host):
        client = boto3.session.Session(botocore_session=session).client(
            "s3",
            region_name=session.get_config_variable("region") or REGION,
            endpoint_url=wanted.endpoint or None,
            config=config,
        )
    return S3(client, address, wanted.bandwidth)


class S3:
    """A bucket, below a prefix."""

    def __init__(self, client: Any, address: Address, bandwidth: int) -> None:
        self._client, self._bucket = client, address.host
        self._prefix = f"{address.path}/" if address.path else ""
        self._transfer = TransferConfig(
            multipart_threshold=ONE_REQUEST_BYTES,
            use_threads=False,
            max_bandwidth=bandwidth or None,
            preferred_transfer_client="classic",
        )

    def names(self, under: str) -> Mapping[str, int]:
        """Return what lies below."""
        start = f"{self._prefix}{under}/"
        with _told(self._bucket):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
            return {
                str(entry["Key"]).removeprefix(start): int(entry["Size"])
                for page in pages
                for entry in page.get("Contents", ())
            }

    def put(self, name: str, content: bytes) -> None:
        """Send it."""
        with _told(self._bucket):
            self._client.upload_fileobj(io.BytesIO(content), self._bucket, self._prefix + name, Config=self._transfer)

    def get(self, name: str) -> bytes:
        """Read it; what was cut off is read again."""
        content = io.BytesIO()
        with _told(self._bucket):
            self._client.download_fileobj(self._bucket, self._prefix + name, content, Config=self._transfer)
        return content.getvalue()

    def remove(self, name: str) -> None:
        """Remove it."""
        with _told(self._bucket):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()


@contextmanager
def _told(bucket: str) -> Iterator[None]:
    """Say what went wrong; the key is in no message."""
    try:
        yield
    except (NoCredentialsError, CredentialRetrievalError, ProfileNotFound):
        raise UsageError(f"there are no credentials for bucket {bucket}", CREDENTIALS) from None
    except ClientError as fault:
        error = fault.response.get("Error", {})
        code, said = str(error.get("Code", "")), clean(str(error.get("Message", "")))
        if code in REFUSED:
            raise UsageError(f"bucket {bucket} refuses these credentials: {code}", CREDENTIALS) from None
        raise DbServerError(f"bucket {bucket}: {code} {said}", "look at the storage, then try again") from None
    except (BotoCoreError, Boto3Error) as fault:
        hint = "look at the network and at offsite.endpoint, then try again"
        raise DbServerError(f"bucket {bucket}: {clean(str(fault))}", hint) from None
