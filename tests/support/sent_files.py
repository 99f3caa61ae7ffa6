"""Forms with a file, as browsers send them, without a browser."""

from support.running_hub import Answer, RunningHub

BOUNDARY = "----a-browser's-own"


def form_with_file(data: bytes, name: str, typed: dict[str, str]) -> bytes:
    """A form in parts: what was typed, then the file."""
    body = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'.encode()
        for field, text in typed.items()
    )
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream'
    return body + f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def send_file(
    running: RunningHub, path: str, data: bytes, name: str, *, cut: int | None = None, token: str = "", **typed: str
) -> Answer:
    """Send a form with a file, or only its beginning; without a token of its own, as the hub's owner."""
    headers = {
        "Authorization": f"Bearer {token or running.token.reveal()}",
        "Accept": "text/html",
        "Content-Type": f'multipart/form-data; boundary="{BOUNDARY}"',
    }
    return running.at("POST", path, headers, form_with_file(data, name, typed)[:cut])
