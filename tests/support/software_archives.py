"""Archives of software for tests: a folder with almost nothing in it, packed and signed."""

import json
import platform
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringfence.content.digests import sha256_hex
from ringfence.content.software import SoftwareKey, SoftwareRelease, new_software_key, sign_software
from ringfence.edge.software.archive import pack
from ringfence.edge.software.slots import python_tag

NOW = 1_800_000_000.0


@dataclass(frozen=True, slots=True)
class SoftwareMaker:
    """Makes archives below a folder, signed by its key."""

    folder: Path
    key: SoftwareKey

    @classmethod
    def new(cls, folder: Path) -> "SoftwareMaker":
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, new_software_key(Ed25519PrivateKey.generate()))

    def archive(self, version: str, minimum: str = "0.0.0", **told: str) -> Path:
        """Return an archive whose edge prints its version; ``told`` says another ``python`` or ``machine``."""
        source = self.folder / f"source-{version}"
        (source / "ringfence" / "edge").mkdir(parents=True, exist_ok=True)
        (source / "ringfence" / "__init__.py").write_text(f"__version__ = {json.dumps(version)}\n")
        (source / "ringfence" / "edge" / "__init__.py").write_text("")
        (source / "ringfence" / "edge" / "__main__.py").write_text("import ringfence\nprint(ringfence.__version__)\n")
        out = self.folder / f"edge-{version}.zip"
        pack(source, out)
        return self.sign(out, version, minimum, **told)

    def sign(self, out: Path, version: str, minimum: str = "0.0.0", **told: str) -> Path:
        data = out.read_bytes()
        python, hardware = told.get("python", python_tag()), told.get("machine", platform.machine().lower())
        release = SoftwareRelease(version, python, hardware, len(data), sha256_hex(data), minimum)
        out.with_name(out.name + ".json").write_bytes(sign_software(release, self.key.private_pem, NOW))
        return out
