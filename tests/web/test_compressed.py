"""What is compressed, and what is not, as its length would tell."""

import gzip
from contextlib import ExitStack

import pytest
import urllib3

from support.running_hub import TIMEOUT, RunningHub

LARGEST_BYTES = 60_000


def ask(running: RunningHub, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    sent = {"Authorization": f"Bearer {running.token.reveal()}", "Accept-Encoding": "gzip", "Accept": "text/html"}
    with urllib3.PoolManager(ca_certs=str(running.folder.authority_certificate), timeout=TIMEOUT) as pool:
        return pool.request("GET", running.people_url + path, headers={**sent, **headers}, decode_content=False)


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_hubs_own_pages_are_compressed(running: RunningHub, site: str) -> None:
    answer = ask(running, "/settings/catalogue", **{"Sec-Fetch-Site": site})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert len(answer.data) < LARGEST_BYTES
    assert b"</html>" in gzip.decompress(answer.data)
    asks_for_none = ask(running, "/settings/catalogue", **{"Sec-Fetch-Site": site, "Accept-Encoding": "identity"})
    assert "Content-Encoding" not in asks_for_none.headers


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_the_length_of_a_page_tells_another_site_nothing(running: RunningHub, headers: dict[str, str]) -> None:
    answer = ask(running, "/sites?search=form_token", **headers)
    assert "Content-Encoding" not in answer.headers
    assert b"</html>" in answer.data


def test_static_files_are_compressed_and_neither_streams_nor_the_api_are(running: RunningHub) -> None:
    own = {"Sec-Fetch-Site": "same-origin"}
    page = gzip.decompress(ask(running, "/", **own).data).decode()
    style = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert ask(running, style).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in ask(running, "/api/v1/settings/catalogue", **own).headers
    token = running.do("POST", f"/sites/{running.site('Streamed')}/tokens")["id"]
    with ExitStack() as stack:
        pool = stack.enter_context(
            urllib3.PoolManager(ca_certs=str(running.folder.authority_certificate), timeout=TIMEOUT)
        )
        headers = {"Authorization": f"Bearer {running.token.reveal()}", "Accept-Encoding": "gzip", **own}
        url = f"{running.people_url}/sites/streamed/tokens/{token}/live"
        stream = pool.request("GET", url, headers=headers, preload_content=False)
        stack.callback(stream.close)
        assert "Content-Encoding" not in stream.headers
        assert next(stream.stream(16, decode_content=False)).startswith(b"data: ")
