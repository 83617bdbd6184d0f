"""Optuna's gRPC proxy, which stands before a database so that many workers need no connection each: its client here.

Optuna's waits for ever for an answer that is lost on the way. This one does not, and asks again (`waiting`). The proxy
knows no passwords and no encryption: it belongs into a network that is trusted.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from optuna.storages import GrpcStorageProxy
from optuna.storages._base import BaseStorage
from optuna.storages._grpc.client import GrpcClientCache

from search.storage.waiting import waits
from sentiment.errors import InputError

__all__ = ["SCHEME", "Proxy", "proxy_at"]

SCHEME: Final = "grpc://"
PORT: Final = 13000
"""Optuna's own."""
ANSWER_SECONDS: Final = 60
CONNECT_SECONDS: Final = 5


class Proxy(GrpcStorageProxy):
    """Optuna's; see above."""

    def _setup(self) -> None:
        import grpc
        from optuna.storages._grpc.auto_generated.api_pb2_grpc import StorageServiceStub

        class Deadline(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
            def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
                return continuation(details._replace(timeout=ANSWER_SECONDS), request)

        options = [("grpc.max_receive_message_length", -1), ("grpc.max_reconnect_backoff_ms", 5000)]
        self._channel = grpc.intercept_channel(grpc.insecure_channel(f"{self._host}:{self._port}", options), Deadline())
        self._stub = StorageServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._cache = GrpcClientCache(self._stub)


for _name, _method in list(vars(BaseStorage).items()):
    if not _name.startswith("_") and callable(_method) and _name in vars(GrpcStorageProxy):
        setattr(Proxy, _name, waits(getattr(GrpcStorageProxy, _name)))


def proxy_at(url: str) -> Proxy:
    """The proxy at `grpc://host:port`.

    Raises:
        InputError: the URL is not one, the extra is missing, or nothing answers there.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host = None
    if not host or parts.username or parts.password or parts.path.strip("/") or parts.query:
        raise InputError("the storage's URL is not grpc://HOST:PORT (it is not shown); the proxy takes nothing else")
    try:
        import grpc  # noqa: F401
        from optuna.storages._grpc.auto_generated import api_pb2  # noqa: F401
    except ImportError:
        raise InputError(
            f"the storage {SCHEME}{host}:{port} needs the extra `grpc`: pip install 'sentiment-search[grpc]'"
        ) from None
    storage = Proxy(host=f"[{host}]" if ":" in host else host, port=port)
    try:
        storage.wait_server_ready(CONNECT_SECONDS)
    except ConnectionError:
        raise InputError(
            f"nothing answers at {SCHEME}{host}:{port}; start it with `sentiment-search storage serve`, or give "
            "another --storage"
        ) from None
    return storage
