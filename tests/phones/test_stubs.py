"""A phone's file without secrets: a file that its family takes, and not one secret in it."""

import pytest

from ringfence.phones.families import families
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import (
    LineAccount,
    PhoneToRender,
    secrets_of,
    stub_of,
)
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

MAC = Mac("001122334455")
MODELS = [model.name for family in families().values() if family.files for model in family.models.values()]


@pytest.mark.parametrize("name", MODELS)
def test_no_model_has_a_secret_in_its_stub(name: str) -> None:
    model = next(family.models[name] for family in families().values() if name in family.models)
    settings: dict[str, Value] = {"sip_server": "sip.example.org"}
    settings |= {
        each: f"98765{index:02}43" for index, each in enumerate(sorted(model.settings)) if model.settings[each].secret
    }
    line = LineAccount(1, "Anna", "anna", "Anna Berg", "anna", Secret("s3cretOfAnna"))
    phone = PhoneToRender(MAC, name, "", settings, (line,))
    secrets = secrets_of(phone)
    whole, stub = (Renderer().render(each) for each in (phone, stub_of(phone)))
    assert any(b"s3cretOfAnna" in file.data for file in whole)
    assert not [secret for secret in secrets for file in stub if secret.encode() in file.data]
    assert secrets_of(stub_of(phone)) == set()
    assert any(b"sip.example.org" in file.data for file in stub)
