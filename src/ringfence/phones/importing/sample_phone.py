"""A phone that there is not: what some settings make of its files shows what those settings say."""

from collections.abc import Mapping

from ringfence.errors import BadInput, ContentRefused
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

_MAC = Mac.parse("00:00:00:00:00:01")
_LINE = LineAccount(1, "", "1", "", "1", Secret("1"))
_RENDERER = Renderer()


def files_with(model: str, settings: Mapping[str, Value]) -> tuple[RenderedFile, ...]:
    """Return the files of a phone of that model with these settings, its own last; none if there can't be one."""
    whole = {"sip_server": "192.0.2.1", **settings}
    try:
        return _RENDERER.render(PhoneToRender(_MAC, model, "", whole, (_LINE,)))
    except (BadInput, ContentRefused):
        return ()
