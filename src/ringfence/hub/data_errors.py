"""What goes wrong with a hub's data folder, its copies, its database and its blobs."""

from ringfence.errors import BadInput, Conflict, ContentRefused, EnvironmentFault, NotFound


class DataFolderTaken(Conflict):
    """The folder is not empty."""


class DataFolderBusy(Conflict):
    """Another hub runs on this folder."""


class NoDataFolder(NotFound):
    """There is no hub in this folder."""


class DataFolderNewer(EnvironmentFault):
    """A newer version of the hub has written this folder."""


class DataFolderUnusable(EnvironmentFault):
    """The folder or a file in it can't be read or written."""


class BackupUnwritable(EnvironmentFault):
    """A copy of the hub can't be written where it should be."""


class BadBackup(ContentRefused):
    """A file is no copy of a hub, or is damaged."""


class BadPassphrase(BadInput):
    """A passphrase, recipient or identity that can't be used, or that does not open a copy."""


class DatabaseUnavailable(EnvironmentFault):
    """The database does not answer just now."""


class DatabaseTaken(Conflict):
    """The database is another hub's, or not empty."""


class BlobUnavailable(EnvironmentFault):
    """A blob that a release names can't be read or written."""


class SealBroken(ContentRefused):
    """A sealed value can't be opened: it was altered, or the key is wrong."""


class UploadUnwritable(EnvironmentFault):
    """A file that somebody sends can't be kept while it is looked at."""


class TooManyUploads(EnvironmentFault):
    """As many files are being imported as the hub has room for."""
