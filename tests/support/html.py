"""A page of HTML, taken apart by Python's own parser."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

__all__ = ["Html", "parsed"]

_VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Html:
    """What it holds."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    """All that is read, but for style sheets; its white space is single blanks."""
    open: list[str] = field(default_factory=list)
    """Tags that nobody closed."""

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def loads(self) -> list[str]:
        """Whatever a browser would fetch."""
        named = [
            value
            for _, attributes in self.tags
            for name, value in attributes.items()
            if name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset") and value
        ]
        return [value for value in named if not value.startswith("#")]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found = Html()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.found.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.found.open and self.found.open[-1] == tag, f"</{tag}> closes {self.found.open[-3:]}"
        self.found.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.found.open:
            self.found.text += data


def parsed(page: str) -> Html:
    """Fails where a tag is closed that is not open."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    parser.found.text = re.sub(r"\s+", " ", parser.found.text)
    return parser.found
