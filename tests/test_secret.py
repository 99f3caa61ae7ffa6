import pickle

import pytest

from ringfence.secret import Secret


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("hunter2")
    for text in (repr(secret), str(secret), f"{secret}", f"{secret:>20}", f"{[secret]}"):
        assert "hunter2" not in text
    assert secret.reveal() == "hunter2"


def test_secrets_compare_and_do_not_leave_the_process() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert not Secret("")
    with pytest.raises(TypeError):
        pickle.dumps(Secret("a"))
    with pytest.raises(TypeError):
        hash(Secret("a"))
