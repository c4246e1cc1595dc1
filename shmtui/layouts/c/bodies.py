"""Structs, unions and enums from their keywords to their closing brackets. Pure."""

from typing import Final

from shmtui.i18n import _
from shmtui.layouts.c.attributes import Attributes
from shmtui.layouts.c.constants import KEYWORDS, member_names
from shmtui.layouts.c.expressions import Int, fits
from shmtui.layouts.c.system import system_structs
from shmtui.layouts.c.tokens import ID, PRAGMA, PUNCT, STRING, Token, refusal, shown
from shmtui.layouts.c.types import (
    Aggregate,
    ArrayOf,
    CType,
    Enumeration,
    Field,
    Packing,
    Primitive,
    align_of,
    complete,
    lay_out,
    plain,
    size_of,
    type_text,
)
from shmtui.layouts.c.typesyntax import Specifiers, TypeParser

_MAX_STRUCTS: Final = 20_000


class BodyParser(TypeParser):
    """The definitions of types, with the tags in scope."""

    def __init__(self, tokens: list[Token], end: Token, system: dict[str, CType]) -> None:
        super().__init__(tokens, end, system)
        self.tags: dict[str, Aggregate | Enumeration] = {}
        self.system_tags = system_structs()
        self.open: set[str] = set()
        self.defined: list[Aggregate] = []

    def aside(self, token: Token) -> bool:
        """Pass over what may stand between declarations and members alike."""
        if token.kind == PRAGMA:
            self.pragma_pack(self.take())
        elif token.text == "_Static_assert" and token.kind == ID:
            self._static_assert(self.take())
        elif not self.accept(";"):
            return False
        return True

    def _static_assert(self, token: Token) -> None:
        self.expect("(")
        value = self.conditional().value
        if self.accept(","):
            if self.take().kind != STRING:
                raise refusal(token, _("_Static_assert needs a text"))
            while self.peek().kind == STRING:
                self.take()
        self.expect(")")
        self.expect(";")
        if value == 0:
            raise refusal(token, _("this _Static_assert does not hold"))

    # -- structs --------------------------------------------------------------------------------

    def tagged(self, keyword: Token) -> tuple[CType, bool]:
        """A struct, union or enum from its keyword on."""
        attributes = self.attributes()
        tag = self.take().text if self._at_name() else ""
        if self.peek().text != "{" or self.peek().kind != PUNCT:
            if not tag:
                raise self.unexpected(self.peek(), _("a tag or '{'"))
            if attributes != Attributes():
                raise refusal(keyword, _("an attribute has to stand where the type is defined"))
            return self._by_tag(keyword, tag), False
        if tag in self.open:
            raise refusal(
                keyword,
                _("{text} {tag} is defined inside itself").format(text=keyword.text, tag=tag),
            )
        known = self.tags.get(tag)
        if known is not None and (complete(known) or _keyword(known) != keyword.text):
            raise refusal(
                keyword, _("{text} {tag} is defined twice").format(text=keyword.text, tag=tag)
            )
        if keyword.text == "enum":
            return self._enum(keyword, tag, attributes), False
        return self._aggregate(keyword, tag, attributes), not tag

    def _at_name(self) -> bool:
        token = self.peek()
        return token.kind == ID and token.text not in KEYWORDS

    def _by_tag(self, keyword: Token, tag: str) -> CType:
        known = self.tags.get(tag)
        if known is None:
            if keyword.text == "struct" and tag in self.system_tags:
                return self.system_tags[tag]
            known = self._new(keyword, tag)
        if _keyword(known) != keyword.text:
            raise refusal(
                keyword,
                _("{tag} is not an enum").format(tag=tag)
                if keyword.text == "enum"
                else _("{tag} is not a {kind}").format(tag=tag, kind=keyword.text),
            )
        return known

    def _new(self, keyword: Token, tag: str) -> Aggregate | Enumeration:
        made: Aggregate | Enumeration
        if keyword.text == "enum":
            made = Enumeration(tag)
        else:
            made = Aggregate(keyword.text == "union", tag, f"{keyword.file}:{keyword.line}")
        if tag:
            self.tags[tag] = made
        return made

    def _aggregate(self, keyword: Token, tag: str, attributes: Attributes) -> Aggregate:
        made = self.tags.get(tag) or self._new(keyword, tag)
        assert isinstance(made, Aggregate)
        made.place = f"{keyword.file}:{keyword.line}"
        if tag:
            self.open.add(tag)
        self.take()
        fields: list[Field] = []
        names: set[str] = set()
        while not self.accept("}"):
            if self.peek() is self.end:
                raise refusal(
                    keyword, _("this {text} has no closing bracket").format(text=keyword.text)
                )
            if not self.aside(self.peek()):
                self._members(made, fields, names)
        attributes = attributes.merged(self.attributes(), keyword).known()
        self.open.discard(tag)
        self._lay_out(made, fields, attributes, keyword)
        return made

    def _lay_out(
        self, made: Aggregate, fields: list[Field], attributes: Attributes, keyword: Token
    ) -> None:
        try:
            lay_out(made, fields, Packing(attributes.packed, attributes.align or 1, self.pack))
        except OverflowError:
            raise refusal(
                keyword, _("this {text} is larger than any memory").format(text=keyword.text)
            ) from None
        self.defined.append(made)
        if len(self.defined) > _MAX_STRUCTS:
            raise refusal(keyword, _("too many structs"))

    def _members(self, made: Aggregate, fields: list[Field], names: set[str]) -> None:
        found = self.specifiers()
        if found.storage or found.inline:
            raise refusal(found.first, _("only members may stand in a struct"))
        if self.accept(";"):
            if found.anonymous:
                if found.attributes != Attributes():
                    raise refusal(found.first, _("an attribute is not understood here"))
                self._add(made, fields, names, Field("", found.type), found.first)
            return
        while True:
            self._member_declarator(made, fields, names, found)
            if not self.accept(","):
                self.expect(";")
                return

    def _member_declarator(
        self, made: Aggregate, fields: list[Field], names: set[str], found: Specifiers
    ) -> None:
        name, ctype, attributes = self.peek(), found.type, Attributes()
        text = ""
        if name.text != ":" or name.kind != PUNCT:
            name, ctype, attributes = self.declarator(found.type)
            text = name.text
        width = self._width(name, text, ctype) if self.accept(":") else None
        attributes = attributes.merged(self.attributes(), name).merged(found.attributes, name)
        attributes.known()
        align = attributes.align
        if attributes.alignas:
            if width is not None or (complete(ctype) and attributes.alignas < align_of(ctype)):
                raise refusal(
                    name, _("_Alignas cannot stand here or asks for less than its type needs")
                )
            align = max(align, attributes.alignas)
        member = Field(text, ctype, width, attributes.packed, align)
        self._add(made, fields, names, member, name)

    def _width(self, name: Token, text: str, ctype: CType) -> int:
        value = self.conditional().value
        kind = plain(ctype)
        integer = isinstance(kind, Enumeration) or (isinstance(kind, Primitive) and kind.integer)
        if not integer or not complete(kind) or size_of(kind) > 8:
            raise refusal(name, _("a bit-field of {ctype}").format(ctype=type_text(ctype)))
        limit = 1 if type_text(kind) == "_Bool" else 8 * size_of(kind)
        if not 0 <= value <= limit or (value == 0 and text):
            raise refusal(
                name,
                _("a bit-field of {value} bits of {ctype}").format(
                    value=value, ctype=type_text(ctype)
                ),
            )
        return value

    def _add(
        self, made: Aggregate, fields: list[Field], names: set[str], member: Field, token: Token
    ) -> None:
        if fields and isinstance(kind := plain(fields[-1].type), ArrayOf) and kind.length is None:
            raise refusal(token, _("a member after an array without a length"))
        kind = plain(member.type)
        flexible = isinstance(kind, ArrayOf) and kind.length is None
        if flexible and (made.union or not names):
            raise refusal(token, _("an array without a length stands last, after other members"))
        if not flexible and not complete(kind):
            raise refusal(token, _("{kind} is not complete here").format(kind=type_text(kind)))
        new = [member.name] if member.name else []
        if not member.name and member.width is None:
            new = member_names(member.type)
        for name in new:
            if name in names:
                raise refusal(token, _("there are two members '{name}'").format(name=name[:40]))
        names.update(new)
        fields.append(member)

    # -- enums ----------------------------------------------------------------------------------

    def _enum(self, keyword: Token, tag: str, attributes: Attributes) -> Enumeration:
        made = self.tags.get(tag) or self._new(keyword, tag)
        assert isinstance(made, Enumeration)
        self.take()
        values = self._constants()
        attributes = attributes.merged(self.attributes(), keyword).known()
        if attributes.align:
            raise refusal(keyword, _("an aligned enum is not understood"))
        low, high = min(0, *values.values()), max(0, *values.values())
        made.signed = low < 0
        for size in (1, 2, 4, 8) if attributes.packed else (4, 8):
            if fits(low, 8 * size, made.signed) and fits(high, 8 * size, made.signed):
                made.size = size
                break
        else:
            raise refusal(keyword, _("no integer type holds all of this enum's values"))
        for name, value in values.items():
            if not fits(value, 32, True):  # Those that int holds stay ints, as in gcc.
                self.constants[name] = Int(value, 8 * made.size, made.signed)
        return made

    def _constants(self) -> dict[str, int]:
        """An enum's constants, from after its opening bracket to its closing one."""
        values: dict[str, int] = {}
        value = -1
        while True:
            name = self.take()
            if name.kind != ID or name.text in KEYWORDS:
                raise self.unexpected(name, _("a constant's name"))
            self.attributes()
            value = self.conditional().value if self.accept("=") else value + 1
            if any(name.text in known for known in (self.constants, self.typedefs, self.objects)):
                raise refusal(name, _("{name} is declared twice").format(name=shown(name)))
            if name.text in {"true", "false"}:
                self.system.pop("bool", None)  # A program with its own has no <stdbool.h>.
            values[name.text] = value
            self.constants[name.text] = _constant(value, name)
            if not self.accept(","):
                self.expect("}")
                return values
            if self.accept("}"):
                return values


def _keyword(kind: Aggregate | Enumeration) -> str:
    if isinstance(kind, Enumeration):
        return "enum"
    return "union" if kind.union else "struct"


def _constant(value: int, name: Token) -> Int:
    for bits, signed in ((32, True), (32, False), (64, True), (64, False)):
        if fits(value, bits, signed):
            return Int(value, bits, signed)
    raise refusal(name, _("the value of {name} is too large").format(name=shown(name)))
