"""What hub.toml says of where blobs are."""

import ipaddress
import re
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

_PLACE = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[A-Za-z0-9._/-]{0,200}))?")


class BlobsConfig(BaseSettings):
    """Where the hub's blobs are.

    ``blobs_url`` is empty for files in the data folder, or ``s3://BUCKET/PREFIX`` for a store that speaks S3, which
    several hub processes can share. ``blobs_endpoint`` is that store's address, such as https://s3.example.org; empty
    for Amazon's in ``blobs_region``. ``blobs_access_key`` names the key, and ``blobs_secret_key_file`` is the file with
    its secret, which may be relative to the data folder.
    """

    blobs_url: str = ""
    blobs_endpoint: str = ""
    blobs_region: str = Field(default="us-east-1", pattern="^[a-z0-9-]{1,40}$")
    blobs_access_key: str = Field(default="", max_length=128)
    blobs_secret_key_file: str = ""

    @model_validator(mode="after")
    def _store_is_whole(self) -> Self:
        if not self.blobs_url:
            return self
        if _PLACE.fullmatch(self.blobs_url) is None:
            raise ValueError("blobs_url is not s3://BUCKET/PREFIX")
        if not (self.blobs_access_key and self.blobs_secret_key_file):
            raise ValueError("blobs_url needs blobs_access_key and blobs_secret_key_file")
        endpoint = urlsplit(self.blobs_endpoint)
        if self.blobs_endpoint and (endpoint.scheme not in {"https", "http"} or not endpoint.hostname):
            raise ValueError("blobs_endpoint is not an address such as https://s3.example.org")
        if endpoint.scheme == "http" and not _is_loopback(endpoint.hostname or ""):
            raise ValueError("blobs_endpoint must begin with https://, unless it is on this machine")
        return self

    @property
    def blobs_place(self) -> tuple[str, str]:
        """The bucket and the prefix in it; empty for files in the data folder."""
        found = _PLACE.fullmatch(self.blobs_url)
        return ("", "") if found is None else (found["bucket"], (found["prefix"] or "").strip("/"))

    def blobs_secret_file(self, folder: Path) -> Path:
        """Return the file with the key's secret."""
        return folder / self.blobs_secret_key_file


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
