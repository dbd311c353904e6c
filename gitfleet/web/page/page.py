"""What a page of the page is, and what a browser may ask of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gitfleet.codec import Struct
from gitfleet.fleet.fleet import Fleet
from gitfleet.web.page.moment import PageMoment

MOST_FIELDS = 20
MOST_CHARACTERS = 4096


class PageQuery(Struct):
    """What a browser asks of a page: the fields of its address, and what its token may. `moment` is what was looked at already."""

    fields: Mapping[str, str] = {}
    may_change: bool = False
    moment: PageMoment | None = None

    def get(self, name: str) -> str:
        """A field of the address; "" where it says nothing."""
        return self.fields.get(name, "")

    def now(self, fleet: Fleet) -> PageMoment:
        """The moment that is shown."""
        return self.moment or PageMoment(fleet)


class Page(Struct):
    """One page. Its name is its path (`/NAME`) and its template (`templates/page/NAME.html`).

    `look` makes its view: a frozen value, of which the template's macros show parts. `block_X(view)` is the block X, and there is
    one `block_page`, which has a place for each other (`data-block="X"`, `data-list="Y"`). `row_Y(row)` is a row of the list Y,
    which is the view's attribute Y: values that have a `key`, unique in the list. A row is one element. `asks` are the fields of
    its address that the server looks at.
    """

    name: str
    key: str
    title: str
    look: Callable[[Fleet, PageQuery], object]
    asks: Sequence[str] = ()


def asked(page: Page, pairs: Sequence[tuple[str, str]], *, may_change: bool, moment: PageMoment) -> PageQuery:
    """What an address asks of a page. What the page knows nothing of is passed over: links are older or newer than servers."""
    fields = {
        name: value[:MOST_CHARACTERS] for name, value in pairs[:MOST_FIELDS] if name in page.asks and value
    }
    return PageQuery(fields, may_change, moment)
