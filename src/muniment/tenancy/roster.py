"""The tenants of one process: opened when they are first needed, closed when nobody has used them for a while.

Invariants:
- what is wrong with one tenant (its settings, key, database) is that one's alone: it is refused, the others go on;
- a tenant that cannot be opened is tried again, by the next request and from time to time, never in a tight loop;
- nobody uses a tenant while it is closed, and one that is being deleted is used by no new request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from muniment.app import Models, Workspace
from muniment.foundation.errors import MunimentError, NotSetUp
from muniment.tenancy import places
from muniment.tenancy.issuers import Issuers

T = TypeVar("T")
R = TypeVar("R")
SWEEP = 2.0
"""Seconds between looks at which tenants there are."""
PAUSE = 1.0
"""Least seconds between two tries to open a tenant that would not open."""
RETRY = 10.0
"""Seconds after which such a tenant is tried again without a request."""
IDLE = 900.0
"""Seconds without a request after which a tenant is closed; the next request opens it again."""
_LOG = logging.getLogger("muniment.tenants")


@dataclass(slots=True)
class Tenant(Generic[T]):
    """A tenant that this process knows."""

    name: str
    workspace: Workspace | None = None
    served: T | None = None
    closing: ExitStack = field(default_factory=ExitStack)
    wrong: MunimentError | None = None
    """Why it could not be opened when that was last tried."""
    tried: float = 0.0
    users: int = 0
    used: float = 0.0
    registered: bool = False
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_ready(self) -> bool:
        """Return whether a request would be served, as far as is known."""
        if self.wrong is not None:
            return False
        try:
            if self.workspace is not None:
                self.workspace.lease.check()
        except MunimentError:
            return False
        return True


class Roster(Generic[T]):
    """The tenants beside the host's own workspace."""

    def __init__(
        self,
        own: Workspace,
        make: Callable[[str, Workspace], T],
        kept: Callable[[Workspace], AbstractContextManager[None]],
        models: Models | None = None,
    ) -> None:
        """`make` gives what serves an opened tenant, `kept` what it needs meanwhile.

        Raises BadInput where two tenants could not be told apart by their tokens.
        """
        self._own = own
        self._make = make
        self._kept = kept
        self._models = models or Models()
        self._clock = own.clock
        self._tenants: dict[str, Tenant[T]] = {}
        self._leaving: list[Tenant[T]] = []
        self._counting = threading.Lock()
        self._registering = threading.Lock()
        self.issuers = Issuers()
        self.issuers.add("", own.settings)
        for name in places.names(own.home):
            self._tenants[name] = tenant = Tenant[T](name)
            try:
                settings = places.settings_of(own.home, name)
            except MunimentError as error:
                self._failed(tenant, error)
                continue
            self.issuers.add(name, settings)
            tenant.registered = True

    def find(self, name: str) -> Tenant[T] | None:
        """Return a tenant that this process knows."""
        return self._tenants.get(name)

    def counts(self) -> tuple[int, int]:
        """Return how many tenants are ready, and how many there are."""
        tenants = list(self._tenants.values())
        return sum(one.is_ready for one in tenants), len(tenants)

    def take(self, tenant: Tenant[T]) -> T | None:
        """Return what serves a tenant, which stays open until `give_back`; None where it must be opened first."""
        with self._counting:
            if tenant.served is not None:
                tenant.users += 1
                tenant.used = self._clock.seconds()
            return tenant.served

    def give_back(self, tenant: Tenant[T]) -> None:
        """End one use of a tenant."""
        with self._counting:
            tenant.users -= 1
            tenant.used = self._clock.seconds()

    def each(self, work: Callable[[Workspace], Iterable[R]]) -> Iterator[R]:
        """Yield what `work` gives of each tenant that is open, held open meanwhile; of one that fails, nothing."""
        for tenant in list(self._tenants.values()):
            with self._counting:
                workspace = tenant.workspace
                tenant.users += workspace is not None
            if workspace is None:
                continue
            try:
                with suppress(MunimentError):
                    yield from work(workspace)
            finally:
                with self._counting:
                    tenant.users -= 1

    def open(self, tenant: Tenant[T]) -> None:
        """Open a tenant that is not; raises NotSetUp, whatever is wrong. Takes as long as its key service does."""
        with tenant.turn:
            if tenant.served is not None:
                return
            if tenant.wrong is not None and self._clock.seconds() - tenant.tried < PAUSE:
                raise _closed(tenant.wrong)
            try:
                self._open(tenant)
            except MunimentError as error:
                self._failed(tenant, error)
                raise _closed(error) from error
            except Exception as error:
                self._failed(tenant, NotSetUp("It could not be opened.", detail=type(error).__name__))
                raise _closed(NotSetUp("It could not be opened.")) from error

    @contextmanager
    def running(self) -> Generator[None]:
        """Keep the roster as the folder is, from a thread, until the block ends; then close every tenant."""
        stop = threading.Event()

        def keep() -> None:
            while not stop.is_set():
                try:
                    self.sweep()
                except (MunimentError, OSError) as error:
                    _LOG.error("the tenants' folder could not be looked at: %s", type(error).__name__)
                stop.wait(SWEEP)

        thread = threading.Thread(target=keep, name="tenants", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self.close()

    def sweep(self) -> None:
        """Take in new tenants, let go of deleted ones, open what was never opened, close what is idle."""
        there = [one for one in places.names(self._own.home) if _may_be_served(self._own, one)]
        for name in set(self._tenants) - set(there):
            self._leaving.append(self._tenants.pop(name))
            self.issuers.drop(name)
        for name in there:
            self._tenants.setdefault(name, Tenant[T](name))
        now = self._clock.seconds()
        for tenant in list(self._tenants.values()):
            if self._is_due(tenant, now):
                try:
                    self.open(tenant)
                except NotSetUp as error:
                    _LOG.info("%s: %s", tenant.name, error)
            elif now - tenant.used > IDLE:
                self._close(tenant)
        self._leaving = [one for one in self._leaving if not self._close(one)]

    def close(self) -> None:
        """Close every tenant, used or not."""
        for tenant in [*self._tenants.values(), *self._leaving]:
            self._close(tenant, even_used=True)

    def _is_due(self, tenant: Tenant[T], now: float) -> bool:
        if tenant.served is not None:
            return False
        return tenant.used == 0.0 if tenant.wrong is None else now - tenant.tried >= RETRY

    def _open(self, tenant: Tenant[T]) -> None:
        self._register(tenant)
        workspace = places.opened(
            self._own.home, tenant.name, self._models, self._clock, worker=self._own.worker
        )
        stack = ExitStack()
        stack.callback(workspace.close)
        try:
            workspace.require_identity()
            served = self._make(tenant.name, workspace)
            stack.enter_context(self._kept(workspace))
        except BaseException:
            stack.close()
            raise
        with self._counting:
            tenant.workspace, tenant.served, tenant.closing = workspace, served, stack
            tenant.wrong, tenant.used = None, self._clock.seconds()

    def _register(self, tenant: Tenant[T]) -> None:
        """Read the settings as they are now; raises BadInput for tokens that could be another tenant's too."""
        settings = places.settings_of(self._own.home, tenant.name)
        with self._registering:
            self.issuers.drop(tenant.name)
            self.issuers.add(tenant.name, settings)

    def _failed(self, tenant: Tenant[T], error: MunimentError) -> None:
        if tenant.wrong is None:
            _LOG.warning("%s is not served: %s", tenant.name, error)
        tenant.wrong, tenant.tried = error, self._clock.seconds()

    def _close(self, tenant: Tenant[T], even_used: bool = False) -> bool:
        """Close a tenant that nobody uses; return whether it is closed."""
        with tenant.turn:
            with self._counting:
                if tenant.users and not even_used:
                    return False
                tenant.served, tenant.workspace = None, None
            tenant.closing.close()
            return True


def _may_be_served(own: Workspace, name: str) -> bool:
    try:
        places.existing(own.home, name)
    except MunimentError:
        return False
    return True


def _closed(why: MunimentError) -> NotSetUp:
    """A fresh error of a kind that outsiders are told nothing of."""
    return NotSetUp(why.public, fix=why.fix, detail=why.detail)
