"""Tables of phones on pages: looked at, then imported whole or not at all."""

import html
import re

import pytest

from ringfence.hub.errors import BodyRefused
from ringfence.hub.people import forms
from ringfence.hub.web.imports.kept_tables import KEPT_S, KeptTables
from support.paper import read, send
from support.running_hub import Answer, RunningHub

BOUNDARY = "----a-browser's-own"


def upload(running: RunningHub, data: bytes, *, cut: int | None = None, **typed: str) -> Answer:
    """Send a table as a file, as browsers do."""
    body = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in typed.items()
    )
    head = 'Content-Disposition: form-data; name="file"; filename="phones.csv"\r\nContent-Type: text/csv'
    body += f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {
        "Authorization": f"Bearer {running.token.reveal()}",
        "Accept": "text/html",
        "Content-Type": f'multipart/form-data; boundary="{BOUNDARY}"',
    }
    return running.at("POST", "/phones/-/import", headers, body[:cut])


def kept_key(answer: Answer) -> str:
    (key,) = re.findall(r'name="table" value="([^"]+)"', answer.data.decode())
    return html.unescape(key)


def test_a_table_is_looked_at_and_then_imported(running: RunningHub) -> None:
    table = "mac;site;model;group;line;name;label\r\n001B54C2A101;New <site>;9971;Desk;1;401;Ännchen\r\n"
    seen = upload(running, b"\xef\xbb\xbf" + table.encode(), make_sites="yes")
    text = seen.data.decode()
    assert (seen.status, "1 phone would be added" in text) == (200, True)
    assert "new-site" in text
    assert "00:1B:54:C2:A1:01" in text
    assert running.ask("GET", "/phones/001B54C2A101").status == 404, "nothing is changed yet"
    done = send(running, "/phones/-/import/do", {"table": kept_key(seen)})
    assert "1 phone added" in done.data.decode()
    assert running.do("GET", "/phones/001B54C2A101")["site"] == "new-site"
    assert running.do("GET", "/phones/001B54C2A101/lines")["items"][0]["label"] == "Ännchen"
    again = send(running, "/phones/-/import/do", {"table": kept_key(seen)})
    assert (again.status, "not kept any more" in again.data.decode()) == (422, True)


def test_every_error_is_named_by_row_and_column_and_what_was_pasted_stays(running: RunningHub) -> None:
    site = running.site("Imported")
    rows = (f"001B54C2A201,{site},9971,1,401", "001B54C2A202,nowhere,9971,1,402", f"no-mac,{site},9971,x,403")
    table = "\n".join(["mac,site,model,line,name", *rows])
    answer = send(running, "/phones/-/import", {"table": table})
    text = answer.data.decode()
    assert answer.status == 422
    named = re.findall(r'<th scope="row" class="number">(\d+)</th><td data-label="Column">(\w*)</td>', text)
    assert ("3", "site") in named
    assert ("4", "mac") in named
    assert ("4", "line") in named
    assert "001B54C2A202,nowhere" in text
    assert running.ask("GET", "/phones/001B54C2A201").status == 404


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "There is no table"),
        ("colour,size\n", "the columns &#39;colour&#39;"),
        ('mac,label\n001B54C2A301,"open\n', "the table can&#39;t be read"),
        ("mac\n" + "\n".join(f"{number:012X}" for number in range(20_001)), "at most 20000 items"),
    ],
)
def test_what_is_no_table_is_refused_in_words(running: RunningHub, table: str, said: str) -> None:
    answer = send(running, "/phones/-/import", {"table": table})
    assert answer.status == 422
    assert said.casefold() in answer.data.decode().casefold()


def test_an_upload_that_is_cut_changes_nothing_and_says_so(running: RunningHub) -> None:
    site = running.site("Cut")
    whole = f"mac,site,model\n001B54C2A401,{site},9971\n001B54C2A402,{site},9971\n".encode()
    for cut in (-5, -20, -60, 150, 40, 10):
        answer = upload(running, whole, cut=cut)
        assert (answer.status, b"did not come whole" in answer.data) == (422, True), (cut, answer.data)
    not_text = upload(running, b"mac\n\xff\xfe")
    assert (not_text.status, b"line 2 of phones.csv" in not_text.data) == (422, True)
    assert running.do("GET", f"/phones?site={site}")["items"] == []


@pytest.mark.slow
def test_a_long_table_with_an_error_in_the_last_row_changes_nothing(running: RunningHub) -> None:
    site = running.site("Many")
    rows = [f"02{number:010X},{site},9971" for number in range(300)]
    rows.append(f"020000FFFFFF,{site},no-model")
    answer = upload(running, "\n".join(["mac,site,model", *rows]).encode())
    assert answer.status == 422
    named = re.findall(r'class="number">(\d+)</th><td data-label="Column">(\w*)', answer.data.decode())
    assert named == [("302", "model")]
    assert running.do("GET", f"/phones?site={site}")["items"] == []


def test_a_table_is_kept_for_its_sender_and_in_bounds(running: RunningHub) -> None:
    tables = KeptTables()
    anna = tables.keep(("anna", "main"), "a", "x", make_sites=False)
    for other in (("ben", "main"), ("anna", "acme")):
        with pytest.raises(Exception, match="not kept"):
            tables.take(other, anna.key)
    for number in range(6):
        tables.keep((str(number), "main"), "a", "x" * (8 << 20), make_sites=False)
    with pytest.raises(Exception, match="not kept"):
        tables.take(("anna", "main"), anna.key)
    assert KEPT_S > 60
    assert "Import a table" in read(running, "/phones")


def test_a_form_in_parts_is_read_as_any_other() -> None:
    kind = "multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\ny\r\n'
    assert forms.parse(kind, part + b"--b--\r\n") == {"a": "x\ny"}
    for body in (b"", part, b"--c--\r\n", part * 1001 + b"--b--\r\n"):
        with pytest.raises(BodyRefused):
            forms.parse(kind, body)
    with pytest.raises(BodyRefused):
        forms.parse("multipart/form-data", part + b"--b--\r\n")
