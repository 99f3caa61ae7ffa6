"""Every column of the database that holds sealed values, and the record that each of its values is sealed for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Table, inspect

from ringfence.hub.store.activation_models import ActivationLineRow
from ringfence.hub.store.base import Base
from ringfence.hub.store.draft_models import DraftEditRow
from ringfence.hub.store.edge_job_models import EdgeJobPartRow
from ringfence.hub.store.edge_mode_models import EdgeModeRow
from ringfence.hub.store.guard_models import AlertChannelRow, ProvisioningCredentialRow
from ringfence.hub.store.models import LineRow
from ringfence.hub.store.network_models import SiteNetworkRow
from ringfence.hub.store.pbx_models import OldSecretRow, PbxRow
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.phone_book_models import PhoneBookDirectoryRow
from ringfence.hub.store.phone_certificate_models import PhoneCertificateOrderRow
from ringfence.hub.store.phone_trust_models import PhoneContentKeyRow, PhoneProfileKeyRow
from ringfence.hub.store.phone_web_models import PhoneWebExchangeRow
from ringfence.hub.store.release_models import HubMemoryRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    LineSettingRow,
    OrganisationSettingRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.hub.store.sign_in_provider_models import SignInProviderRow


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values; ``record`` names the record of one, with the row's own columns in braces."""

    model: type[Base]
    name: str
    record: str
    at_once: int = 100
    """How many values are sealed again in one transaction: fewer where they are large."""

    @property
    def table(self) -> Table:
        """Its table."""
        found = inspect(self.model).local_table
        assert isinstance(found, Table)  # noqa: S101 - each model has a table of its own
        return found

    @property
    def column(self) -> Column[bytes | None]:
        """The column itself."""
        return self.table.c[self.name]

    # Any: columns of any type.
    def record_of(self, row: Mapping[str, Any]) -> str:
        """Return the record that the value of a row is sealed for."""
        return self.record.format_map(row)


SEALED: Final[Sequence[SealedColumn]] = (
    SealedColumn(LineRow, "sealed_password", "line:{mac}:{index}"),
    SealedColumn(OldSecretRow, "sealed_password", "rotation:{mac}:{index}"),
    SealedColumn(ActivationLineRow, "sealed_password", "activation:{activation_id}:{index}"),
    SealedColumn(ProvisioningCredentialRow, "sealed_password", "credential:{mac}:{serial}"),
    SealedColumn(PhoneCertificateOrderRow, "sealed_password", "phone certificate:{mac}"),
    SealedColumn(PhoneContentKeyRow, "sealed_key", "content-key:{mac}:{fingerprint}"),
    SealedColumn(PhoneProfileKeyRow, "sealed_phrase", "profile-key:{mac}:{folder}"),
    SealedColumn(PhoneProfileKeyRow, "sealed_previous", "profile-key:{mac}:{previous_folder}"),
    SealedColumn(PhoneWebExchangeRow, "sealed_request", "phone web:{job_id}:{number}:request", at_once=10),
    SealedColumn(PhoneWebExchangeRow, "sealed_answer", "phone web:{job_id}:{number}:answer", at_once=10),
    SealedColumn(EdgeJobPartRow, "sealed_data", "edge job:{job_id}:{part}", at_once=10),
    SealedColumn(EdgeModeRow, "sealed_key", "edge-mode:{edge_id}"),
    SealedColumn(SiteNetworkRow, "sealed_wifi_passphrase", "wifi:{site_id}"),
    SealedColumn(OrganisationSettingRow, "sealed", "setting:organisation::{name}"),
    SealedColumn(SiteSettingRow, "sealed", "setting:site:{site_id}:{name}"),
    SealedColumn(GroupSettingRow, "sealed", "setting:group:{group_id}:{name}"),
    SealedColumn(PhoneSettingRow, "sealed", "setting:phone:{mac}:{name}"),
    SealedColumn(LineSettingRow, "sealed", "setting:line:{mac}:{index}:{name}"),
    SealedColumn(DraftEditRow, "sealed_body", "draft-edit:{draft_id}:{number}", at_once=10),
    SealedColumn(PbxRow, "sealed_secret", "pbx:{id}"),
    SealedColumn(PhoneBookDirectoryRow, "sealed_password", "phone-book-directory:{book_id}"),
    SealedColumn(AlertChannelRow, "sealed_secret", "alert-channel:{id}"),
    SealedColumn(SignInProviderRow, "sealed_client_secret", "sign-in-provider:{id}"),
    SealedColumn(PersonRow, "sealed_totp_key", "second-step:{id}"),
    SealedColumn(HubMemoryRow, "sealed", "hub memory", at_once=10),
)
"""A test knows every column of bytes, and which of them are here."""
