"""What a user types to name a server: its address, and which of its models is which variant. Nothing is sent here."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from medeval.errors import UsageError

_ENDINGS = ("/chat/completions", "/models")


@dataclass(frozen=True)
class Address:
    """Where a server is: `url` ends without a slash, `host` is with its port where one is named; no credentials."""

    url: str
    host: str
    loopback: bool
    """Whether it is this machine, so that nothing leaves it."""
    encrypted: bool

    @property
    def warning(self) -> str:
        """What a person must know before anything is sent; empty for a server on this machine."""
        if self.loopback:
            return ""
        if self.encrypted:
            return f"问题和影像会发送到 {self.host} / questions and images go to {self.host}"
        return (
            f"问题、影像和密钥会不加密地发送到 {self.host}，请改用 https"
            f" / questions, images and the key go to {self.host} unencrypted: use https"
        )


def parse_address(text: str) -> Address:
    """Reads an address such as `http://127.0.0.1:8000/v1`; one without a path means `/v1`.

    Raises:
        UsageError: no http or https address, or one that carries a password, a query or a fragment. The text of an
            address that may hold a secret is not repeated.
    """
    wanted = "例如 / for example: --base http://127.0.0.1:8000/v1"
    try:
        parts = urlsplit(text.strip())
        name, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(f"服务器地址有误 / the address of the server is wrong · {wanted}") from None
    if "@" in text or parts.query or parts.fragment:
        raise UsageError(
            "服务器地址里不能有用户名、密码、? 或 #；密钥放在 MEDEVAL_SERVER_KEY"
            " / the address must hold no user name, password, ? or #: put the key into MEDEVAL_SERVER_KEY"
        )
    if parts.scheme.lower() not in ("http", "https") or not name or any(char.isspace() for char in text.strip()):
        raise UsageError(f"server 引擎需要服务器地址 / the server engine needs the address of a server · {wanted}")
    path = parts.path.rstrip("/")
    for ending in _ENDINGS:  # what people copy from a manual
        path = path.removesuffix(ending)
    shown = f"[{name}]" if ":" in name else name
    host = shown if port is None else f"{shown}:{port}"
    scheme = parts.scheme.lower()
    return Address(f"{scheme}://{host}{path or '/v1'}", host, _loopback(name), scheme == "https")


def _loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        found = ip_address(name)
    except ValueError:
        return False
    return found.is_loopback or found.is_unspecified


def parse_models(text: str) -> dict[str, str]:
    """Reads `base=qwen3-vl,v1=med-v1,v2`: variant → model id of the server, base first; a bare name is its own id.

    Raises:
        UsageError: a variant without a model, a model without a variant, or a variant named twice.
    """
    found: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, model = (part.strip() for part in item.partition("="))
        if not name or (equals and not model) or any(char.isspace() or not char.isprintable() for char in name):
            raise UsageError(
                f"--server-models 里的 {item!r} 有误，应为 版本=模型，逗号分隔"
                f" / {item!r} in --server-models is wrong, it must read VARIANT=MODEL,VARIANT=MODEL"
            )
        if name in found:
            raise UsageError(f"--server-models 里 {name} 出现了两次 / names {name} twice")
        found[name] = model or name
    return dict(sorted(found.items(), key=lambda pair: pair[0] != "base"))
