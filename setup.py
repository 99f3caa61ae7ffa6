"""What pyproject.toml can't say: the part in C, which may be left out, and the files that lie beside the program."""

from pathlib import Path

from setuptools import Extension, setup

# The TFTP engine's hot path. It is left out where there is no C compiler: the same is there in Python.
RELAY = Extension(
    "ringfence.server.io._relay",
    sources=["src/ringfence/server/io/_relay.c"],
    extra_compile_args=[
        "-O2",
        "-g0",  # what it is debugged by names the folder that it was built in
        "-Wall",
        "-Wextra",
        "-Wno-missing-field-initializers",
        "-fstack-protector-strong",
    ],
    optional=True,
)
BESIDE = {
    "share/man/man1": "docs/man/*.1",
    "share/bash-completion/completions": "packaging/completions/bash/*",
    "share/zsh/site-functions": "packaging/completions/zsh/*",
    "share/fish/vendor_completions.d": "packaging/completions/fish/*",
    "share/ringfence/grafana": "packaging/grafana/*",
    "share/ringfence/prometheus": "packaging/prometheus/*",
    "share/ringfence/proxies": "packaging/proxies/*",
    "share/ringfence/systemd": "packaging/systemd/*",
    "share/ringfence/sysctl.d": "packaging/sysctl.d/*",
    "share/ringfence/sysusers.d": "packaging/sysusers.d/*",
    "share/doc/ringfence": "docs/*.md",
}
"""Where an installation has which files. scripts/manual.py makes the completions and most manual pages for an sdist."""

setup(
    ext_modules=[RELAY],
    data_files=[(folder, sorted(map(str, Path().glob(files)))) for folder, files in BESIDE.items()],
)
