"""Access to a part of an organisation: some of its sites, the phones of some groups, and nothing else of either kind.

A session may be limited to such a scope beside being bound to its organisation (``store/binding.py``). Then every
select, update and delete gets the criterion of its table, and what is written is looked at when it is flushed. The
criterion follows from the table's columns, so a new table with a site, a phone or an edge in it is limited without
being named here; a table of which nothing says what it belongs to can't be used at all.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

from sqlalchemy import ColumnElement, Executable, Select, Table, false, inspect, select
from sqlalchemy.orm import with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption

from ringfence.hub.store.activation_models import ActivationRow
from ringfence.hub.store.base import Base
from ringfence.hub.store.blob_models import BlobRow, RetentionTallyRow
from ringfence.hub.store.draft_models import DraftRow
from ringfence.hub.store.edge_mode_models import EdgeModeRow
from ringfence.hub.store.edge_tls_models import EdgeTlsKeyRow
from ringfence.hub.store.guard_models import AlertChannelRow, AlertNoticeRow, GuardPolicyRow
from ringfence.hub.store.models import ApiTokenRow, AuditEntryRow, EdgeRow, PhoneGroupRow, PhoneRow, SiteRow
from ringfence.hub.store.network_models import (
    BoxRow,
    BoxSubnetRow,
    ConcentratorRow,
    PortAuthorityRow,
    SiteNetworkRow,
    TunnelTokenRow,
)
from ringfence.hub.store.organisation_models import LastNumberRow
from ringfence.hub.store.organisation_owned import OrganisationOwned
from ringfence.hub.store.pbx_models import PbxRow
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.phone_book_models import (
    PhoneBookDirectoryRow,
    PhoneBookEntryRow,
    PhoneBookGroupRow,
    PhoneBookRow,
    PhoneBookSiteRow,
)
from ringfence.hub.store.release_models import (
    AssetFileRow,
    AssetRow,
    FirmwareFileRow,
    FirmwareLoadRow,
    HubMemoryRow,
    PublicationLeaseRow,
    ReleaseRow,
    SiteStandingRow,
    UploadRow,
)
from ringfence.hub.store.rollout_models import RolloutRow, RolloutSiteRow
from ringfence.hub.store.setting_models import GroupSettingRow, OrganisationSettingRow, OwnTemplateRow, SiteSettingRow
from ringfence.hub.store.sign_in_provider_models import SignInProviderRow
from ringfence.hub.store.trust_models import PbxTlsExportRow, TrustKeyRow, TrustListRow
from ringfence.hub.store.vpn_models import VpnCertificateRow, VpnHeadEndRow

_Statement = TypeVar("_Statement", bound=Executable)

BEYOND: Final = "ringfence_beyond_scope"
"""The execution option of a statement that means the whole organisation's rows (``beyond_scope``)."""
LIMITED: Final = "ringfence_limited"
"""The execution option of a statement that got its criteria."""

OF_SCOPE: Final = "_of_scope"
"""How the names of tables end that criteria look into."""

READ_ALONE: Final = frozenset({
    OrganisationSettingRow, OwnTemplateRow, PhoneGroupRow, PbxRow, FirmwareLoadRow, FirmwareFileRow, AssetRow,
    AssetFileRow, UploadRow, PhoneBookRow, PhoneBookEntryRow,
    PhoneBookGroupRow, PhoneBookDirectoryRow, PortAuthorityRow, ConcentratorRow, TunnelTokenRow,
    TrustKeyRow, TrustListRow, PbxTlsExportRow, VpnHeadEndRow, VpnCertificateRow,
})  # fmt: skip
"""What an organisation's phones are made from: read, as files need it, and never written."""
NEVER_WRITTEN: Final = READ_ALONE | {PhoneBookSiteRow}
OF_THE_HUBS_WORK: Final = frozenset({
    AuditEntryRow, LastNumberRow, PublicationLeaseRow, HubMemoryRow, AlertChannelRow, AlertNoticeRow, BoxSubnetRow,
    BlobRow, RetentionTallyRow,
})  # fmt: skip
"""What the hub itself writes along with others' changes; no route writes it for somebody with a scope."""
_NOT_LIMITED = READ_ALONE | frozenset({
    AuditEntryRow, LastNumberRow, PublicationLeaseRow, HubMemoryRow, GroupSettingRow,
})  # fmt: skip
SEEN_WITH_PHONES = frozenset({
    SiteSettingRow, EdgeRow, GuardPolicyRow, ReleaseRow, SiteStandingRow, SiteNetworkRow, BoxRow,
    EdgeModeRow, EdgeTlsKeyRow,
})  # fmt: skip
"""What of a site a phone's state and files depend on; read with a phone of it, and written with the site alone."""
_PHONE_COLUMNS = frozenset({"mac", "owner"})


@dataclass(frozen=True, slots=True)
class AccessScope:
    """The sites, by id, and the groups whose phones a caller is limited to; with neither it holds nothing."""

    holder_id: str
    """Whose it is: a person or an API token; what is theirs alone is in it too."""
    sites: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    @classmethod
    def of(cls, holder_id: str, stored: Mapping[str, Iterable[str]] | None) -> "AccessScope | None":
        """Return the scope in a row's ``limited_to``; None for the whole organisation."""
        if stored is None:
            return None
        return cls(holder_id, frozenset(stored.get("sites", ())), frozenset(stored.get("groups", ())))

    @property
    def stored(self) -> dict[str, list[str]]:
        """The same as rows keep it."""
        return {"sites": sorted(self.sites), "groups": sorted(self.groups)}


class UnlimitedTableError(RuntimeError):
    """A fault of this program: nothing says which rows of a table belong to a scope."""


def beyond_scope(statement: _Statement) -> _Statement:
    """Return a statement that means the whole organisation's rows, in a limited session too.

    It is for what must hold in the whole organisation, such as that nobody else has an address. What it finds must not
    be shown.
    """
    return statement.execution_options(**{BEYOND: True})


@lru_cache(maxsize=256)
def criteria(scope: AccessScope, organisation_id: str) -> tuple[LoaderCriteriaOption, ...]:
    """Return what limits an organisation's statements to a scope, for every table."""
    owned = (mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, OrganisationOwned))
    return tuple(
        with_loader_criteria(table, criterion, include_aliases=True)
        for table in owned
        if (criterion := criterion_of(table, scope, organisation_id)) is not None
    )


# Any: tables and columns of any type, which are chosen by their names.
def criterion_of(table: Any, scope: AccessScope, organisation_id: str) -> ColumnElement[bool] | None:  # noqa: ANN401
    """Return which rows of a table belong to a scope; None where all of its organisation's do.

    Raises:
        UnlimitedTableError: Nothing says which do.
    """
    if table in _NOT_LIMITED:
        return None
    found = _by_table(table, _Rows(scope, organisation_id))
    if found is None:
        raise UnlimitedTableError(
            f"nothing says which rows of {table.__tablename__} belong to a part of an organisation"
        )
    return found


def _by_table(table: Any, rows: "_Rows") -> ColumnElement[bool] | None:  # noqa: ANN401
    if (by_itself := _BY_ITSELF.get(table)) is not None:
        return by_itself(rows)
    columns = set(inspect(table).columns.keys())
    if "person_id" in columns:
        return cast("ColumnElement[bool]", table.person_id == rows.scope.holder_id)
    if "site_id" in columns:
        found = table.site_id.in_(rows.scope.sites)
        if rows.scope.groups:  # without them, the index of the sites alone finds the rows
            if table in SEEN_WITH_PHONES:
                found |= table.site_id.in_(rows.sites_of_groups())
            for phone in columns & _PHONE_COLUMNS:
                found |= getattr(table, phone).in_(rows.phones(of_groups=True))
        return cast("ColumnElement[bool]", found)
    for column, keys in rows.by_column.items():
        if column in columns:
            return cast("ColumnElement[bool]", getattr(table, column).in_(keys()))
    return None


@dataclass(frozen=True, slots=True)
class _Rows:
    """The keys of rows of a scope, as subqueries that no other statement's criteria touch."""

    scope: AccessScope
    organisation_id: str

    # Any: columns of any type.
    @property
    def by_column(self) -> Mapping[str, Callable[[], Select[Any]]]:
        """By the column that points to them."""
        sites = self.scope.sites
        return {
            "mac": self.phones,
            "edge_id": lambda: self._chosen(EdgeRow, "id", lambda edge: edge.site_id.in_(sites)),
            "draft_id": lambda: self._chosen(DraftRow, "id", lambda each: each.author_id == self.scope.holder_id),
            "activation_id": lambda: self._chosen(ActivationRow, "id", lambda each: each.site_id.in_(sites)),
            "channel_id": lambda: self._chosen(AlertChannelRow, "id", lambda each: each.site_id.in_(sites)),
        }

    def phones(self, *, of_groups: bool = False) -> Select[Any]:
        """Return the phones of the sites and groups, or of the groups alone."""
        sites = frozenset() if of_groups else self.scope.sites
        return self._chosen(
            PhoneRow, "mac", lambda phone: phone.site_id.in_(sites) | phone.group_id.in_(self.scope.groups)
        )

    def sites_of_groups(self) -> Select[Any]:
        """Return the sites in which phones of the groups stand."""
        return self._chosen(PhoneRow, "site_id", lambda phone: phone.group_id.in_(self.scope.groups))

    def rollouts(self, *, inside: bool) -> Select[Any]:
        """Return the rollouts of which one site is of the scope, or one is not."""
        sites = self.scope.sites
        return self._chosen(
            RolloutSiteRow,
            "rollout_id",
            lambda each: each.site_id.in_(sites) if inside else each.site_id.not_in(sites),
        )

    def _chosen(self, table: type[Base], column: str, condition: Callable[[Any], Any]) -> Select[Any]:
        its = cast("Table", inspect(table).local_table).alias(table.__tablename__ + OF_SCOPE).c
        mine = its.organisation_id == self.organisation_id
        return select(its[column]).where(mine, condition(its)).correlate(None)


_BY_ITSELF: Mapping[type[Base], Callable[[_Rows], ColumnElement[bool]]] = {
    SiteRow: lambda rows: SiteRow.id.in_(rows.scope.sites) | SiteRow.id.in_(rows.sites_of_groups()),
    PhoneRow: lambda rows: PhoneRow.site_id.in_(rows.scope.sites) | PhoneRow.group_id.in_(rows.scope.groups),
    RolloutRow: lambda rows: (
        RolloutRow.id.in_(rows.rollouts(inside=True)) & RolloutRow.id.not_in(rows.rollouts(inside=False))
    ),
    PersonRow: lambda rows: PersonRow.id == rows.scope.holder_id,
    ApiTokenRow: lambda rows: ApiTokenRow.id == rows.scope.holder_id,
    DraftRow: lambda rows: DraftRow.author_id == rows.scope.holder_id,
    SignInProviderRow: lambda _rows: false(),
}
"""The tables whose columns do not say it: a rollout is a scope's if all of its sites are."""
