"""Signs requests for Amazon OpenSearch Service (SigV4), with the credentials that AWS gives to the Pod.

This module is imported only if `aws_region` is set, because `botocore` takes 14 MiB. `botocore` finds the credentials
(environment, role of the service account, EKS Pod Identity, instance) and renews them before they expire.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import botocore.auth
import botocore.awsrequest
import botocore.session
from botocore.exceptions import BotoCoreError

from sidecar.errors import Misconfigured
from sidecar.sinks.elasticsearch.node import Signer, SigningError


def create_signer(region: str, service: str) -> Signer:
    """Return a function that signs requests. Raise `Misconfigured` if there are no credentials."""
    try:
        credentials = botocore.session.Session().get_credentials()
    except BotoCoreError as error:
        raise _no_credentials(type(error).__name__) from error
    if credentials is None:
        raise _no_credentials("none were found")

    def sign(method: str, url: str, host: str, body: Sequence[bytes]) -> Mapping[str, str]:
        # Other headers are not signed, because a proxy may change them.
        digest = hashlib.sha256()
        for piece in body:
            digest.update(piece)
        headers = {"host": host, "x-amz-content-sha256": digest.hexdigest()}
        request = botocore.awsrequest.AWSRequest(method, url, headers)
        try:
            frozen = credentials.get_frozen_credentials()
            botocore.auth.SigV4Auth(frozen, service, region).add_auth(request)
        except (BotoCoreError, RuntimeError) as error:  # RuntimeError: renewed credentials that are expired
            raise SigningError(type(error).__name__) from error
        return dict(request.headers.items())

    return sign


def _no_credentials(reason: str) -> Misconfigured:
    return Misconfigured(
        f"AWS credentials cannot be read ({reason})", location="aws_region",
        hint="give the Pod a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )  # fmt: skip
