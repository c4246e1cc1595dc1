"""``__attribute__``, ``_Alignas`` and ``#pragma pack``: what changes a layout, and what does not.

An attribute whose effect on a layout is not known is refused where it stands at a type or a
member: a layout that is nearly right is worse than none.
"""

from dataclasses import dataclass
from typing import Final

from shmtui.i18n import _
from shmtui.layouts.c.expressions import Expressions
from shmtui.layouts.c.tokens import ID, Token, refusal, shown, words

_HARMLESS: Final = words(
    "unused used deprecated unavailable may_alias nonnull pure const visibility noreturn format "
    "warn_unused_result cold hot nonstring designated_init section weak malloc noinline "
    "always_inline nothrow leaf gnu_inline constructor destructor sentinel access "
    "flag_enum enum_extensibility counted_by gcc_struct fallthrough externally_visible"
)
ATTRIBUTE: Final = frozenset({"__attribute__", "__attribute"})
_BIGGEST: Final = 16
"""``__BIGGEST_ALIGNMENT__``: what ``aligned`` without a number asks for."""
_LIMIT: Final = 1 << 28


@dataclass(slots=True)
class Attributes:
    """What was said of a declaration."""

    packed: bool = False
    align: int = 0
    alignas: int = 0
    strange: Token | None = None
    """The first attribute whose effect is not known."""

    def merged(self, other: "Attributes", where: Token) -> "Attributes":
        """Both; two different alignments are refused."""
        if self.align and other.align and self.align != other.align:
            raise refusal(where, _("is aligned twice"))
        return Attributes(
            self.packed or other.packed,
            self.align or other.align,
            max(self.alignas, other.alignas),
            self.strange or other.strange,
        )

    def known(self) -> "Attributes":
        """The same, once every one of them is understood."""
        if self.strange is not None:
            raise refusal(
                self.strange,
                _("the attribute {strange} is not understood").format(strange=shown(self.strange)),
            )
        return self


class AttributeParser(Expressions):
    """Attributes and the packing in force."""

    pack = 0
    """What ``#pragma pack`` limits alignments to; 0: nothing."""

    def __init__(self, tokens: list[Token], end: Token) -> None:
        super().__init__(tokens, end)
        self._packs: list[tuple[str, int]] = []

    def attributes(self) -> Attributes:
        """Those that stand here, if any."""
        found = Attributes()
        while self.peek().kind == ID and self.peek().text in ATTRIBUTE:
            where = self.take()
            self.expect("(")
            self.expect("(")
            while not self.accept(")"):
                if self.accept(","):
                    continue
                found = found.merged(self._attribute(), where)
                if self.peek().text not in {",", ")"}:
                    raise self.unexpected(self.peek(), "')'")
            self.expect(")")
        return found

    def _attribute(self) -> Attributes:
        token = self.take()
        if token.kind != ID:
            raise self.unexpected(token, _("an attribute's name"))
        name = token.text
        if len(name) > 4 and name.startswith("__") and name.endswith("__"):
            name = name[2:-2]
        if name == "packed":
            return Attributes(packed=True)
        if name == "aligned":
            align = _BIGGEST
            if self.accept("("):
                align = self.alignment(token)
                self.expect(")")
            return Attributes(align=align)
        if self.peek().text == "(":
            self.skip_brackets()
        return Attributes(strange=None if name in _HARMLESS else token)

    def alignment(self, where: Token) -> int:
        """A constant expression that is a power of two."""
        value = self.conditional().value
        if not 0 < value <= _LIMIT or value & (value - 1):
            raise refusal(where, _("an alignment of {value} is none").format(value=value))
        return value

    def skip_brackets(self) -> None:
        """Pass over a bracket with all that it holds, up to its closing one."""
        closing = {"(": ")", "[": "]", "{": "}"}
        first = self.peek()
        open_: list[str] = []
        while True:
            token = self.take()
            if token is self.end:
                raise refusal(first, _("{first} is not closed").format(first=shown(first)))
            if token.kind == "punct" and token.text in closing:
                open_.append(closing[token.text])
            elif token.kind == "punct" and token.text in {")", "]", "}"}:
                if token.text != open_.pop():
                    raise self.unexpected(token, _("another bracket"))
                if not open_:
                    return

    def pragma_pack(self, token: Token) -> None:
        """Obey a ``#pragma pack``."""
        words = token.text.replace(",", " , ").split()
        if words[:1] != ["("] or words[-1:] != [")"]:
            raise refusal(token, _("#pragma pack needs brackets"))
        parts = [part.strip() for part in " ".join(words[1:-1]).split(",")]
        action = parts.pop(0) if parts[0] in {"push", "pop"} else ""
        label = parts.pop(0) if action and parts and not parts[0][:1].isdigit() else ""
        value = parts.pop(0) if parts else None
        if (
            (label and not label.isidentifier())
            or parts
            or (action and value == "")
            or (action == "pop" and value is not None)
        ):
            raise refusal(
                token,
                _("#pragma pack({strip}) is not understood").format(strip=token.text.strip("() ")),
            )
        if action == "pop":
            self._pop(token, label)
            return
        if action == "push":
            self._packs.append((label, self.pack))
            if value is None:
                return
        if value not in {"", "0", "1", "2", "4", "8", "16", None}:
            raise refusal(token, _("#pragma pack({value}) is not understood").format(value=value))
        self.pack = int(value or 0)

    def _pop(self, token: Token, label: str) -> None:
        while self._packs:
            name, self.pack = self._packs.pop()
            if not label or name == label:
                return
        raise refusal(token, _("#pragma pack(pop) without its push"))
