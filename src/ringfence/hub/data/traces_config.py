"""What hub.toml says of where traces are told."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class TracesConfig(BaseSettings):
    """Who is told of traces.

    ``traces_url`` is where a collector takes OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; empty for nobody.
    """

    traces_url: str = Field(default="", max_length=500)

    @field_validator("traces_url")
    @classmethod
    def _traces_url(cls, value: str) -> str:
        if not value:
            return value
        try:
            parts = urlsplit(value)
            is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or parts.username is not None:
            raise ValueError("traces_url is not an address such as http://127.0.0.1:4318/v1/traces")
        return value
