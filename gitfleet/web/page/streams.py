"""Pages as they stand, for all who look: rendered once a moment for all that show the same, and told as differences."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool

from gitfleet.base import clock
from gitfleet.errors import FleetError
from gitfleet.fleet.fleet import Fleet
from gitfleet.web.page import failing, frame, rendering
from gitfleet.web.page.moment import PageMemory, PageMoment
from gitfleet.web.page.page import Page, PageQuery, asked
from gitfleet.web.page.rendering import PageParts, Rendered
from gitfleet.web.page.waking import LEAST, MOST, PageWaking

SIGN_OF_LIFE = 30.0
"""Seconds after which a comment is sent, so that a connection that is gone is noticed."""
_KEPT = 48
"""Versions of pages that are kept to tell the next one as a difference."""


class PageStreams:
    """The pages of one clone. For one event loop."""

    def __init__(self, fleet: Fleet, *, read_only: bool) -> None:
        self._fleet, self._read_only = fleet, read_only
        self._memory = PageMemory(fleet)
        self._waking = PageWaking(fleet, self._memory)
        self._templates: dict[str, Rendered] = {}
        self._shown: OrderedDict[object, tuple[int, PageParts]] = OrderedDict()
        self._versions: OrderedDict[str, PageParts] = OrderedDict()
        self._turns: WeakValueDictionary[object, asyncio.Lock] = WeakValueDictionary()
        """By page: one that takes long keeps no other waiting."""

    def close(self) -> None:
        """End every stream."""
        self._waking.close()

    def stir(self) -> None:
        """Look now: something was done here. For any thread."""
        self._waking.stir()

    async def once(self, page: Page, pairs: list[tuple[str, str]], *, may_change: bool) -> dict[str, object]:
        """A page as it stands."""
        query = asked(page, pairs, may_change=may_change, moment=PageMoment(self._fleet, self._memory))
        return _told(await run_in_threadpool(self._render, page, query))

    async def stream(
        self, page: Page, pairs: list[tuple[str, str]], seen: str, *, may_change: bool
    ) -> AsyncIterator[str]:
        """A page as server-sent events: `whole` once (or nothing, where `seen` is that), then `patch` as it changes."""
        self._waking.enter()
        try:
            yield ": here\n\n"  # so that the headers go out
            while not self._waking.ended:
                changed, moment = self._waking.changed, self._waking.moment
                if moment is not None:
                    query = asked(page, pairs, may_change=may_change, moment=moment)
                    now = await self._at(self._waking.turn, page, query)
                    if now.id != seen:
                        yield self._event(seen, now)
                        seen = now.id
                try:
                    await asyncio.wait_for(changed.wait(), SIGN_OF_LIFE)
                except TimeoutError:
                    yield ": still here\n\n"
                if changed.is_set() and self._waking.moment is None:
                    return
        finally:
            self._waking.leave()

    def _event(self, seen: str, now: PageParts) -> str:
        before = self._versions.get(seen)
        if before is None:
            return _event("whole", now.id, _told(now))
        return _event("patch", now.id, {**rendering.difference(before, now), "at": clock.now()})

    async def _at(self, turn: int, page: Page, query: PageQuery) -> PageParts:
        """The page in that turn: rendered by the first who asks."""
        key = page.name, query.may_change, tuple(sorted(query.fields.items()))
        async with self._turns.setdefault(key, asyncio.Lock()):
            known = self._shown.get(key)
            if known is None or known[0] != turn:
                begun = clock.elapsed()
                known = turn, await run_in_threadpool(self._render, page, query)
                self._waking.pause = min(max(LEAST, 4 * (clock.elapsed() - begun)), MOST)
                self._shown[key] = known
                self._versions[known[1].id] = known[1]
                for kept in (self._shown, self._versions):
                    while len(kept) > _KEPT:
                        kept.popitem(last=False)
            self._versions.move_to_end(known[1].id)
            return known[1]

    def _render(self, page: Page, query: PageQuery) -> PageParts:
        surround = frame.look(self._fleet, query, page=page.name, read_only=self._read_only)
        try:
            view, name = page.look(self._fleet, query), page.name
        except FleetError as error:
            view, name = failing.view(page, error), "failed"
        title = f"{page.title} · {surround.repository} · gitfleet"
        return rendering.parts(title, (self._template("frame"), surround), (self._template(name), view))

    def _template(self, name: str) -> Rendered:
        if name not in self._templates:
            self._templates[name] = Rendered(name)
        return self._templates[name]


def _told(now: PageParts) -> dict[str, object]:
    return {**rendering.whole(now), "id": now.id, "at": clock.now()}


def _event(kind: str, id_: str, data: Mapping[str, object]) -> str:
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return f"id: {id_}\nevent: {kind}\ndata: {text}\n\n"
