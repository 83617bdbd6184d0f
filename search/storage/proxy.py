"""Optuna's gRPC proxy, which stands before a database so that many workers need no connection each: its client here.

Optuna's waits for ever for an answer that is lost on the way. This one does not, and asks again (`waiting`). The proxy
knows no passwords and no encryption: it belongs into a network that is trusted.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import urlsplit

from optuna.exceptions import StorageInternalError
from optuna.storages import GrpcStorageProxy
from optuna.storages._base import BaseStorage
from optuna.storages._grpc.client import GrpcClientCache

from search.storage.waiting import waits
from sentiment.errors import InputError

__all__ = ["ANSWER_SECONDS", "SCHEME", "Proxy", "proxy_at"]

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

    def set_trial_param(self, trial_id: int, param_name: str, param_value_internal: float, distribution: Any) -> None:
        """As Optuna's, but also of a trial that was begun before the proxy was started anew."""
        given = (trial_id, param_name, param_value_internal, distribution)
        try:
            super().set_trial_param(*given)
        except KeyError:  # the server has not read the trial: it does when it is asked for all of the study
            for study_id in list(self._cache.studies):
                self.get_all_trials(study_id, deepcopy=False)
            super().set_trial_param(*given)


def _as_a_storage(method: Callable[..., Any]) -> Callable[..., Any]:
    """What goes wrong is what goes wrong with a storage, so that who uses one need not know of this one."""
    asked = waits(method)

    @wraps(method)
    def answered(*args: Any, **kwargs: Any) -> Any:
        import grpc

        try:
            return asked(*args, **kwargs)
        except grpc.RpcError as error:
            raise StorageInternalError(f"the proxy says: {error.details()}") from error

    return answered


for _name, _method in list(vars(BaseStorage).items()):
    if not _name.startswith("_") and callable(_method) and _name in vars(GrpcStorageProxy):
        setattr(Proxy, _name, _as_a_storage(getattr(Proxy, _name)))


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
