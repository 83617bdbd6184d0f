"""A storage for workers that cannot, or shall not, reach the database: Optuna's gRPC proxy before it.

However many they are, the database sees the connections of one process, and its password is known here alone.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, Final

from optuna.storages import BaseStorage, get_storage

from search.storage.databases import experimental_features
from search.storage.proxy import ANSWER_SECONDS
from search.storage.waiting import wait_at_most
from sentiment.errors import InputError, MissingExtraError

__all__ = ["THREADS", "is_loopback", "serve_storage"]

THREADS: Final = 10
"""Requests that are answered at once; the others wait. As many as Optuna has, and fewer than a pool of connections."""
MOST_BYTES: Final = 1 << 26
"""Of a request: an attribute may be long."""
POLL_SECONDS: Final = 0.2
LEAVE_SECONDS: Final = 5
"""That a request gets to be answered once the end was asked for."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _if_somebody_listens() -> Any:
    """What a worker has given up waiting for is not done any more: it has asked again since."""
    import grpc

    class Interceptor(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            handler = continuation(details)

            def answer(request: Any, context: Any) -> Any:
                if not context.is_active():
                    context.abort(grpc.StatusCode.CANCELLED, "nobody waits for the answer")
                return handler.unary_unary(request, context)

            return handler and grpc.unary_unary_rpc_method_handler(
                answer, handler.request_deserializer, handler.response_serializer
            )

    return Interceptor()


def serve_storage(storage: BaseStorage, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve the storage until Ctrl-C, or SIGTERM.

    Args:
        storage: a database.
        host: a name or address of this machine.
        port: 0 takes any that is free.
        on_ready: called with the address once it answers.

    Raises:
        InputError: the port cannot be used.
        KeyboardInterrupt: the end was asked for; every request that had come is answered.
    """
    try:
        import grpc
        from optuna.storages._grpc.auto_generated.api_pb2_grpc import add_StorageServiceServicer_to_server
        from optuna.storages._grpc.servicer import OptunaStorageProxyService
    except ImportError:
        raise MissingExtraError(
            "serving a storage needs the extra `grpc`: pip install 'sentiment-search[grpc]'"
        ) from None
    # Not Optuna's make_server, which does not say which port it took, nor that one is taken: with SO_REUSEPORT two
    # servers would share it, and clients the two.
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", MOST_BYTES)]
    wait_at_most(ANSWER_SECONDS / 3)  # then the worker is told, while it still listens, and asks again
    server = grpc.server(ThreadPoolExecutor(THREADS), options=options, interceptors=[_if_somebody_listens()])
    add: Callable[[object, object], None] = add_StorageServiceServicer_to_server
    with experimental_features():
        add(OptunaStorageProxyService(get_storage(storage)), server)
    address = f"[{host}]" if ":" in host and not host.startswith("[") else host
    try:
        taken = server.add_insecure_port(f"{address}:{port}")
    except (RuntimeError, OverflowError):
        taken = 0
    if not taken:
        raise InputError(f"{address}:{port} cannot be listened at; give another --port or --host")
    server.start()
    ended = threading.Event()
    try:
        on_ready(f"grpc://{address}:{taken}")
        while not ended.wait(POLL_SECONDS):  # without an end it would sleep through an interrupt to another thread
            pass
    finally:
        server.stop(LEAVE_SECONDS).wait()
