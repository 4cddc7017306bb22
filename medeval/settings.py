"""Settings: where things are. Built once by a face and passed on; never a global.

Environment variables `MEDEVAL_HOME`, `MEDEVAL_BASE`, `MEDEVAL_ADAPTERS`, `MEDEVAL_ENGINE`, … set the defaults.
"""

import contextlib
import ipaddress
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from medeval.errors import StoreError

ROOT = Path(__file__).resolve().parent.parent

EngineName = Literal["auto", "torch", "mlx", "server", "recorded"]


class Settings(BaseSettings):
    """Paths and choices of one process."""

    model_config = SettingsConfigDict(env_prefix="MEDEVAL_", frozen=True)

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("medeval")))
    """Private data of this user: the store, uploads, logs. Outside the checkout and outside /tmp."""
    base: str = str(ROOT / "models" / "demo")
    """Path or Hugging Face repo id of the base model, or the http(s) address of an OpenAI-compatible server."""
    adapters: Path = ROOT / "adapters"
    cases: Path = ROOT / "test_cases"
    engine: EngineName = "auto"
    host: str = "127.0.0.1"
    port: int = 7860
    lang: Literal["zh", "en"] = "zh"
    offline: bool = False
    """True forbids every download, repo ids included."""
    user: str = ""
    password: SecretStr | None = None
    """User name and password of the pages; required where `host` is not this machine alone."""
    hosts: str = ""
    """Further names, comma-separated, under which a browser may reach the pages."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    server_models: str = ""
    """Which model of the server is which variant: `base=qwen3-vl,v1=med-v1`; a bare name is its own id."""
    server_key: SecretStr | None = Field(default=None, exclude=True, repr=False)
    """Sent to the server as a bearer token. Comes from the environment alone and is in no dump of the settings."""
    server_parallel: int = Field(default=8, ge=1, le=256)
    """Requests in flight at a server."""
    server_first_seconds: float = Field(default=600.0, gt=0)
    """How long a server may take to the first token: it may be loading the model."""
    server_between_seconds: float = Field(default=60.0, gt=0)
    """How long a server may be silent from token to token."""

    @property
    def served(self) -> bool:
        """Whether a server answers: told so, or the base is an http(s) address."""
        address = self.base.strip().lower().startswith(("http://", "https://"))
        return self.engine == "server" or (self.engine == "auto" and address)

    @property
    def is_demo(self) -> bool:
        """Whether the base is the shipped demo model, which every face must call a demo."""
        return Path(self.base).resolve() == (ROOT / "models" / "demo").resolve()

    @property
    def only_here(self) -> bool:
        """Whether the pages are open to this machine alone."""
        if self.host == "localhost":
            return True
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return False

    @property
    def address(self) -> str:
        """Where a browser finds the pages; of a wildcard host under the first name of `hosts`."""
        host = self.host
        if host in ("0.0.0.0", "::"):
            host = self.hosts.split(",")[0].strip() or "127.0.0.1"
        named = f"[{host}]" if ":" in host else host
        return f"{'https' if self.tls_cert else 'http'}://{named}:{self.port}"

    def prepare_home(self) -> Path:
        """Creates the private home (mode 0700) and returns it.

        Raises:
            StoreError: the folder cannot be made.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(
                f"无法建立数据文件夹 {self.home}（{error.strerror}）：请设置 MEDEVAL_HOME"
                f" / the data folder {self.home} cannot be made ({error.strerror}): set MEDEVAL_HOME to a writable one"
            ) from error
        return self.home
