"""The server engine: many requests in flight to one OpenAI-compatible address, on one thread of its own.

No weights are here: what a server loaded, and whether all variants share a base, cannot be checked, and the receipt
says so.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Event as Cancel
from threading import Thread
from typing import Any

from medeval.adapters.variant import Variant
from medeval.engines.contract import BaseRef, Done, Event, Failed, Loaded, Message, Receipt, Request, Token
from medeval.engines.pictures import PixelKey, picture_key
from medeval.engines.rows import CLOSED, Job
from medeval.engines.scheduler import sentence
from medeval.engines.server.address import Address, parse_address
from medeval.engines.server.asking import Asker, Limits, Reply, make_client
from medeval.engines.server.faults import KEY_SETTING
from medeval.engines.server.listing import Choice, choose, read_list
from medeval.engines.server.wire import data_url, plain_messages
from medeval.engines.worker import unusable
from medeval.errors import EngineError, MedevalError, UsageError

_WATCH_SECONDS = 0.02
_PICTURES = 16
UNKNOWN = (
    "服务器不说明权重、精度和设备：适配器是否生效、各版本是否同一基础模型，无法核对"
    " / a server tells nothing of weights, precision or device: whether an adapter is in effect, and whether all"
    " variants share one base, cannot be checked"
)


class ServerEngine:
    """Answers by any OpenAI-compatible server.

    Args:
        models: variant → model id; empty leaves the choice to what the server lists (`listing.choose`).
        key: sent as a bearer token, and nowhere else.
        limits: requests in flight, seconds.
    """

    name = "server"

    def __init__(self, models: Mapping[str, str] | None = None, key: str = "", limits: Limits | None = None) -> None:
        self._models, self._key, self._limits = dict(models or {}), key.strip(), limits or Limits()
        self._thread: Thread | None = None
        self._session: _Session | None = None

    def open(self, base: BaseRef, variants: Sequence[Variant]) -> Receipt:
        """Asks the server what it offers; an engine that is open is closed first.

        Args:
            base: its `path` is the address.
            variants: what shall be asked; where empty, those of `models`, else the base and its listed adapters.

        Raises:
            UsageError: it is no address. EngineError: no such server, or it offers none of the variants.
        """
        self.close()
        address, ready = parse_address(base.path), Future[Receipt]()
        if not (self._key.isascii() and self._key.isprintable()):
            raise UsageError(f"{KEY_SETTING} 里有不能发送的字符 / {KEY_SETTING} holds characters that cannot be sent")
        work = self._main(address, [variant.name for variant in variants], ready)
        self._thread = Thread(target=asyncio.run, args=(work,), name=f"medeval-{self.name}", daemon=True)
        self._thread.start()
        try:
            return ready.result()
        except Exception as error:
            self.close()
            raise error if isinstance(error, MedevalError) else EngineError(sentence(error)) from None

    async def _main(self, address: Address, names: Sequence[str], ready: Future[Receipt]) -> None:
        try:
            async with make_client(address, self._key, self._limits) as client:
                listed = read_list(await Asker(client, address, self._key, self._limits).list_models())
                receipt = self._receipt(address, choose(listed, self._models, names))
                asker = Asker(client, address, self._key, self._limits, [item.id for item in listed])
                self._session = session = _Session(asker, receipt, self._limits.parallel)
                ready.set_result(receipt)
                await session.closing.wait()
                await session.end()
        except Exception as error:
            if not ready.done():
                ready.set_exception(error)

    def _receipt(self, address: Address, choice: Choice) -> Receipt:
        loaded = tuple(Loaded(name, "served", 0, 0, model=model) for name, model in choice.models.items())
        return Receipt(
            engine=self.name, base=address.url, base_fingerprint="", dtype="", device="", variants=loaded,
            refused=choice.refused, notes=tuple(note for note in (UNKNOWN, address.warning) if note),
        )  # fmt: skip

    def generate(self, requests: Sequence[Request], cancel: Cancel) -> Iterator[Event]:
        """Answers `requests`, up to the limit at the same time; see the contract."""
        session = self._session
        if session is None:
            raise EngineError("引擎还没有打开 / the engine is not open")
        job = Job(tuple(requests), cancel)
        if job.requests:
            session.begin(job)
        yield from job.answers(self._works)

    def _works(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Ends the connections and the thread; may be called twice."""
        session, thread = self._session, self._thread
        if session is not None:
            session.close()
        if thread is not None:
            thread.join()
        self._session = self._thread = None


class _Session:
    """What an open engine holds; made and used on the engine's thread, but for `begin` and `close`."""

    def __init__(self, asker: Asker, receipt: Receipt, parallel: int) -> None:
        self.closing = asyncio.Event()
        self._asker, self._receipt, self._parallel = asker, receipt, parallel
        self._models = {item.variant: item.model for item in receipt.variants}
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(parallel)
        self._pictures, self._drawing = OrderedDict[PixelKey, str](), asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, job: Job) -> None:
        """Takes a job in, from any thread; where the engine has been closed its requests fail one by one."""
        try:
            self._loop.call_soon_threadsafe(self._start, job)
        except RuntimeError:  # the loop is gone: whoever waits sees that the thread is
            return

    def close(self) -> None:
        """Asks the thread to end."""
        try:
            self._loop.call_soon_threadsafe(self.closing.set)
        except RuntimeError:
            return

    def _start(self, job: Job) -> None:
        task = asyncio.create_task(self._serve(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Cancels whatever is unfinished, which then fails with a sentence."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, job: Job) -> None:
        # No more of one job than places: a second caller then waits for one answer, not for the whole first job.
        places = asyncio.Semaphore(self._parallel)
        tasks = [asyncio.create_task(self._answer(job, request, places)) for request in job.requests]
        try:
            await asyncio.sleep(0)  # a task that is cancelled before its first step would end without a word
            while not job.stopped and not all(task.done() for task in tasks):
                await asyncio.sleep(_WATCH_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, job: Job, request: Request, places: asyncio.Semaphore) -> None:
        def go_on() -> None:
            if job.stopped:
                raise asyncio.CancelledError

        def show(text: str) -> None:
            go_on()
            job.events.put([Token(request.id, text)])

        reply = Reply(request, self._models.get(request.variant, ""), show)
        event: Event
        try:
            reason = unusable(self._receipt, request.variant)
            if reason:
                raise EngineError(reason)
            async with places, self._slots:
                go_on()  # the place was free because somebody stopped
                event = Done(request.id, await self._asker.ask(reply, await self._messages(request.messages)))
        except asyncio.CancelledError:
            event = Done(request.id, reply.answer("cancelled")) if job.stopped else Failed(request.id, CLOSED)
        except Exception as error:
            event = Failed(request.id, sentence(error))
        job.events.put([event])

    async def _messages(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """As JSON; an image is encoded once for all variants of its case, and beside the loop."""
        pictures: dict[Path, str] = {}
        for path in (path for message in messages for path in message.images):
            try:
                key = picture_key([path])
            except OSError:
                raise EngineError(f"无法读取图片 {path.name} / cannot read the image {path.name}") from None
            async with self._drawing:
                if key not in self._pictures:
                    self._pictures[key] = await asyncio.to_thread(data_url, path)
                self._pictures.move_to_end(key)
                pictures[path] = self._pictures[key]
                while len(self._pictures) > _PICTURES:
                    self._pictures.popitem(last=False)
        return plain_messages(messages, pictures)
