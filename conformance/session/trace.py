"""Every call on one of Microsoft's clients, by its own name, so that a table can say what was called and what never."""

import collections
import inspect
import time

from azure.core.exceptions import HttpResponseError
from azure.core.paging import ItemPaged
from azure.core.polling import LROPoller

POLL_SECONDS = 0.05  # where an answer does not say how long to wait


class Calls:
    def __init__(self):
        self.done = collections.Counter()
        self.refused = collections.defaultdict(collections.Counter)
        self.seconds = collections.Counter()
        self.known = set()

    def table(self) -> str:
        lines = [f"{'calls':>6} {'s':>6}  {'call':<72} refused as meant"]
        for name in sorted(set(self.done) | set(self.refused)):
            codes = ", ".join(f"{code} x{times}" for code, times in sorted(self.refused[name].items()))
            lines.append(f"{self.done[name]:>6} {self.seconds[name]:>6.1f}  {name:<72} {codes}")
        return "\n".join(lines)

    def never(self) -> list:
        return sorted(self.known - set(self.done))


class Traced:
    """A client, or a group of its operations. Pollers are waited for and pages read to their end."""

    def __init__(self, calls: Calls, name: str, target, interval: str = "polling_interval"):
        # The vaults' clients call the same option `_polling_interval`.
        self._calls, self._name, self._target, self._interval = calls, name, target, interval

    def know(self, *groups: str, but: dict = None) -> "Traced":
        """Says which groups of operations are all to be called, except those in `but`, each with its reason."""
        for group in groups:
            target = getattr(self._target, group) if group else self._target
            for method, _ in inspect.getmembers(type(target), callable):
                name = f"{self._name}.{group}.{method}" if group else f"{self._name}.{method}"
                if not method.startswith("_") and method not in ("close", "send_request") and name not in (but or {}):
                    self._calls.known.add(name)
        return self

    def __getattr__(self, attribute: str):
        found = getattr(self._target, attribute)
        name = f"{self._name}.{attribute}"
        if inspect.ismethod(found):
            return self._bound(name, found)
        return Traced(self._calls, name, found, self._interval)

    def _bound(self, name: str, method):
        def call(*args, refused: str = None, **kwargs):
            begun = time.monotonic()
            if method.__name__.startswith("begin_"):
                kwargs.setdefault(self._interval, POLL_SECONDS)
            try:
                answer = method(*args, **kwargs)
                if isinstance(answer, LROPoller):
                    answer = answer.result()
                elif isinstance(answer, ItemPaged):
                    answer = list(answer)
            except HttpResponseError as err:
                code = err.error.code if err.error else str(err.status_code)
                if refused is None or code != refused:
                    raise AssertionError(f"{name}: refused with {code}, which was not meant: {err.message}") from err
                self._calls.refused[name][code] += 1
                self._calls.done[name] += 0
                return err
            finally:
                self._calls.seconds[name] += time.monotonic() - begun
            if refused is not None:
                raise AssertionError(f"{name}: answered, and should have been refused with {refused}")
            self._calls.done[name] += 1
            return answer

        return call


def same(got, wanted, what: str) -> None:
    if got != wanted:
        raise AssertionError(f"{what}: {got!r}, should be {wanted!r}")


def holds(condition, what: str) -> None:
    if not condition:
        raise AssertionError(what)
