"""Blobs in a store that speaks S3: what is shared, damaged, refused or away (the port's suite is elsewhere)."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import obstore
import pyrage
import pytest

from ringfence.content.digests import sha256_hex
from ringfence.hub.core import open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.s3_blobs import S3Blobs, S3Place
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.hub.errors import BadConfiguration
from ringfence.hub.publishing.publish import publish
from ringfence.hub.recovery import backup, restore
from ringfence.hub.recovery.sealed_file import Lock, Opener
from ringfence.secret import Secret
from support.s3_server import S3Server, s3_server
from support.two_sites import add_two_sites, whole_release

SEA = bytes(range(256)) * 600


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def bucket(server: S3Server) -> str:
    return server.bucket(f"b-{os.urandom(6).hex()}")


def test_two_hubs_share_what_one_of_them_puts(server: S3Server, bucket: str, tmp_path: Path) -> None:
    one, other = (S3Blobs(server.place(bucket, "ringfence"), tmp_path / name) for name in ("one", "other"))
    one.check()
    digest = sha256_hex(SEA)
    one.put({digest: SEA})
    other.put({digest: SEA})  # it is there already, and stays as it is
    assert other.get(digest) == SEA
    elsewhere = S3Blobs(server.place(bucket, "another"), tmp_path / "third")
    assert not elsewhere.has(digest)


def test_a_blob_with_other_bytes_is_never_given_out_as_a_whole(server: S3Server, bucket: str, tmp_path: Path) -> None:
    store = S3Blobs(server.place(bucket), tmp_path / "copies")
    digest = sha256_hex(SEA)
    store.put({digest: SEA})
    obstore.put(store._store, store._place(digest), SEA[::-1])  # as somebody who has the store can
    for read in (store.get, store.open_file):
        with pytest.raises(BlobUnavailable, match="other bytes than its name says"):
            read(digest)
    assert list((tmp_path / "copies").iterdir()) == []


def test_copies_on_this_machine_are_bounded_and_the_ones_used_last_stay(
    server: S3Server, bucket: str, tmp_path: Path
) -> None:
    store = S3Blobs(server.place(bucket), tmp_path / "copies", most_cached_bytes=2500)
    blobs = [os.urandom(1000) for _ in range(4)]
    digests = [sha256_hex(data) for data in blobs]
    store.put(dict(zip(digests, blobs, strict=True)))
    for at, (digest, data) in enumerate(zip(digests, blobs, strict=True)):
        descriptor = store.open_file(digest)
        assert os.read(descriptor, 2000) == data
        os.close(descriptor)
        os.utime(tmp_path / "copies" / digest, (at, at))
    assert {path.name for path in (tmp_path / "copies").iterdir()} == set(digests[2:])


def test_a_store_that_lacks_the_bucket_is_away_or_refuses_is_told_apart(server: S3Server, tmp_path: Path) -> None:
    def told(endpoint: str) -> str:
        place = S3Place("nowhere-at-all", "", endpoint, "us-east-1", "AKIATEST", Secret("secret-of-the-test"))
        with pytest.raises(BlobUnavailable) as refused:
            S3Blobs(place, tmp_path / "copies").check()
        assert "secret-of-the-test" not in str(refused.value)
        assert refused.value.where == "s3://nowhere-at-all"
        return refused.value.what

    assert "there is no such bucket" in told(server.endpoint)
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        port = nobody.getsockname()[1]
    assert "does not answer as it should" in told(f"http://127.0.0.1:{port}")
    with HTTPServer(("127.0.0.1", 0), _Refusing) as refusing:
        serving = Thread(target=refusing.serve_forever)
        serving.start()
        try:
            assert "the store refuses" in told(f"http://127.0.0.1:{refusing.server_port}")
        finally:
            refusing.shutdown()
            serving.join(60)


class _Refusing(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        self.send_response(403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_what: object) -> None:
        pass


def test_a_hub_publishes_into_the_store_is_copied_and_goes_on_from_the_copy_in_its_folder(
    server: S3Server, bucket: str, made_hub: tuple[Path, Secret], tmp_path: Path
) -> None:
    shutil.copytree(made_hub[0], tmp_path / "hub")
    folder = DataFolder(tmp_path / "hub")
    values = {"blobs_endpoint": server.endpoint, "blobs_access_key": "AKIATEST", "blobs_secret_key_file": "keys/s3.key"}
    folder.edit_config(blobs_url=f"s3://{bucket}/ringfence", **values)
    with pytest.raises(BadConfiguration, match="secret of the blobs' key can't be read"):
        open_hub(folder)
    (folder.path / "keys" / "s3.key").write_text("secret-of-the-test\n")
    with closing(open_hub(folder)) as hub:
        hub.blobs.check()
        add_two_sites(hub)
        publish(hub, "test")
        number, blobs = whole_release(hub, "anna")
    assert number == 1
    assert list(folder.blobs.iterdir()) == []
    identity = pyrage.x25519.Identity.generate()
    copy = backup.make(folder, tmp_path / "copy", Lock(recipient=str(identity.to_public()))).file
    restore.restore(copy, tmp_path / "new", Opener(identity=Secret(str(identity))))
    restored = DataFolder(tmp_path / "new")
    assert restored.config().blobs_url == ""
    with closing(open_hub(restored)) as hub:
        assert whole_release(hub, "anna") == (1, blobs)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"blobs_url": "s3:/bucket"}, "is not s3://BUCKET/PREFIX"),
        ({"blobs_url": "s3://bucket/p"}, "needs blobs_access_key"),
        ({"blobs_endpoint": "http://s3.example.org"}, "must begin with https://"),
        ({"blobs_endpoint": "nonsense"}, "is not an address"),
    ],
)
def test_what_cannot_be_a_store_is_refused(made_hub: tuple[Path, Secret], values: dict[str, str], why: str) -> None:
    config = DataFolder(made_hub[0]).config()
    whole = {"blobs_url": "s3://bucket", "blobs_access_key": "a", "blobs_secret_key_file": "b"}
    if values.keys() == {"blobs_url"}:
        whole = whole if values["blobs_url"] == "s3:/bucket" else {}
    with pytest.raises(BadConfiguration, match=why):
        config.changed(**{**whole, **values})
