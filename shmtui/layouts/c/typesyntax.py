"""The grammar of types: specifiers and declarators. Pure."""

from dataclasses import dataclass, field
from typing import Final

from shmtui.i18n import _
from shmtui.layouts.c.attributes import ATTRIBUTE, Attributes
from shmtui.layouts.c.constants import (
    FUNCTION,
    KEYWORDS,
    QUALIFIERS,
    REFUSED,
    STORAGE,
    TAGGED,
    WORDS,
    ConstantParser,
)
from shmtui.layouts.c.system import SPECIFIERS
from shmtui.layouts.c.tokens import ID, PUNCT, Token, refusal, shown, words
from shmtui.layouts.c.types import (
    MAX_SIZE,
    Aligned,
    ArrayOf,
    CType,
    Function,
    Pointer,
    align_of,
    complete,
    plain,
    size_of,
    type_text,
)

_NO_PARAMETER: Final = words("static extern typedef auto inline sizeof if return")
_THREADED: Final = words("_Thread_local __thread")
_MAX_DIMENSIONS: Final = 16


@dataclass(slots=True)
class Specifiers:
    """What stands before the declarators of a declaration."""

    type: CType
    first: Token
    storage: str = ""
    inline: bool = False
    attributes: Attributes = field(default_factory=Attributes)
    atomic: bool = False
    anonymous: bool = False
    """A struct or union without a tag is defined here."""


_Modifier = tuple[str, int | None, Token]
"""``*``, ``[]`` with a length, or ``()``; and where."""


class TypeParser(ConstantParser):
    """The grammar of types, but for what stands in their braces."""

    def specifiers(self) -> Specifiers:
        """Specifiers and qualifiers, up to the first declarator."""
        found = Specifiers(SPECIFIERS["int"], self.peek())
        spelled: list[str] = []
        given: CType | None = None
        while (token := self.peek()).kind == ID:
            text = token.text
            if text in WORDS:
                spelled.append(WORDS[self.take().text])
            elif self._qualified(found, token):
                continue
            elif given is not None or spelled:
                break
            elif text in TAGGED:
                given, found.anonymous = self._tagged(self.take())
            elif (named := self.typedef(token)) is not None:
                if self.take().text not in self.typedefs:
                    self.used.add(text)
                given = named
            else:
                break
        found.type = self._specified(found, spelled, given)
        if found.atomic:
            found.type = self._atomic(found.type, found.first)
        return found

    def _qualified(self, found: Specifiers, token: Token) -> bool:
        """Take a specifier that names no type; False: there is none."""
        text = token.text
        if text in ATTRIBUTE:
            found.attributes = found.attributes.merged(self.attributes(), token)
            return True
        if text in REFUSED:
            raise refusal(token, _("{text} is not understood").format(text=text))
        atomic = text == "_Atomic" and self.peek(1).text != "("
        if not (atomic or text == "_Alignas" or text in QUALIFIERS | FUNCTION | STORAGE):
            return False
        self.take()
        found.atomic = found.atomic or atomic
        found.inline = found.inline or text in FUNCTION
        if text == "_Alignas":
            found.attributes.alignas = max(found.attributes.alignas, self._alignas(token))
        if text in STORAGE:
            if found.storage and not {found.storage, text} & _THREADED:
                raise refusal(
                    token,
                    _("{storage} and {text} do not go together").format(
                        storage=found.storage, text=text
                    ),
                )
            found.storage = found.storage or text
        return True

    def _specified(self, found: Specifiers, spelled: list[str], given: CType | None) -> CType:
        token = self.peek()
        text = " ".join(spelled)
        if given is not None:
            if spelled:
                raise refusal(
                    found.first,
                    _("{text} and {given} are two types").format(text=text, given=type_text(given)),
                )
            return given
        if spelled:
            key = " ".join(sorted(spelled))
            if key not in SPECIFIERS:
                raise refusal(found.first, _("'{text}' is not a type").format(text=text))
            return SPECIFIERS[key]
        if token.kind == ID and token.text not in KEYWORDS:
            raise refusal(token, _("the type {token} is not known").format(token=shown(token)))
        raise self.unexpected(token, _("a type"))

    def _tagged(self, keyword: Token) -> tuple[CType, bool]:
        if keyword.text == "_Atomic":
            self.expect("(")
            inner = self.type_name()
            self.expect(")")
            return self._atomic(inner, keyword), False
        self.deeper(keyword)
        result = self.tagged(keyword)
        self.depth -= 1
        return result

    def tagged(self, keyword: Token) -> tuple[CType, bool]:
        """A struct, union or enum from its keyword on; and whether it is a new one without a tag."""
        raise NotImplementedError

    def _atomic(self, ctype: CType, token: Token) -> CType:
        """An atomic type is aligned to its size where the machine has such a unit."""
        if isinstance(plain(ctype), (ArrayOf, Function)):
            raise refusal(token, _("an array or a function cannot be _Atomic"))
        if complete(ctype) and (size := size_of(ctype)) in {1, 2, 4, 8, 16}:
            return ctype if align_of(ctype) == size else Aligned(ctype, size, atomic=True)
        return ctype

    def _alignas(self, token: Token) -> int:
        self.expect("(")
        if self.starts_type(self.peek()):
            ctype = self.type_name()
            self.need_complete(ctype, token)
            align = align_of(ctype)
        else:
            align = 0 if self._is_zero() else self.alignment(token)
        self.expect(")")
        return align

    def _is_zero(self) -> bool:
        if self.peek().text == "0" and self.peek(1).text == ")":
            self.take()
            return True
        return False

    # -- declarators ----------------------------------------------------------------------------

    def declarator(self, base: CType) -> tuple[Token, CType, Attributes]:
        """A declarator: its name, its type, and the attributes in and after it."""
        start = self.peek()
        name, modifiers, attributes = self._declarator(abstract=False)
        if name is None:
            raise self.unexpected(start, _("a name or ';'"))
        ctype = self._applied_to(base, modifiers)
        if self.peek().text in {"asm", "__asm__", "__asm"}:
            self.take()
            self.skip_brackets()
        return name, ctype, attributes.merged(self.attributes(), name)

    def type_name(self) -> CType:
        """A type without a name, as ``sizeof`` takes it."""
        found = self.specifiers()
        if found.storage or found.inline or found.attributes.alignas:
            raise refusal(found.first, _("only a type may stand here"))
        _name, modifiers, attributes = self._declarator(abstract=True)
        if found.attributes.merged(attributes, found.first) != Attributes():
            raise refusal(found.first, _("an attribute is not understood here"))
        return self._applied_to(found.type, modifiers)

    def _declarator(self, abstract: bool) -> tuple[Token | None, list[_Modifier], Attributes]:
        self.deeper(self.peek())
        attributes = self.attributes()
        pointers: list[_Modifier] = []
        while (star := self.peek()).text == "*" and star.kind == PUNCT:
            self.take()
            pointers.append(("*", None, star))
            while self.peek().text in QUALIFIERS or self.peek().text == "_Atomic":
                self.take()
            if self.attributes() != Attributes():
                raise refusal(star, _("an attribute of a pointer is not understood"))
        name: Token | None = None
        inner: list[_Modifier] = []
        token = self.peek()
        if token.kind == ID and token.text not in KEYWORDS and not abstract:
            name = self.take()
        elif token.text == "(" and token.kind == PUNCT and self._is_nested(abstract):
            self.take()
            name, inner, within = self._declarator(abstract)
            attributes = attributes.merged(within, token)
            self.expect(")")
        modifiers = [*pointers, *reversed(self._suffixes()), *inner]
        self.depth -= 1
        if len(modifiers) > _MAX_DIMENSIONS:
            raise refusal(token, _("has too many dimensions"))
        return name, modifiers, attributes

    def _is_nested(self, abstract: bool) -> bool:
        after = self.peek(1)
        if abstract:
            return after.text in {"*", "(", "["} and after.kind == PUNCT
        return after.text in {"*", "("} or (
            after.kind == ID and (after.text in ATTRIBUTE or not self.starts_type(after))
        )

    def _suffixes(self) -> list[_Modifier]:
        found: list[_Modifier] = []
        while (token := self.peek()).kind == PUNCT and token.text in {"[", "("}:
            if token.text == "(":
                self.skip_parameters()
                found.append(("()", None, token))
                continue
            self.take()
            if self.accept("]"):
                found.append(("[]", None, token))
                continue
            length = self.conditional()
            self.expect("]")
            if length.value < 0:
                raise refusal(token, _("an array of {value} elements").format(value=length.value))
            found.append(("[]", length.value, token))
        return found

    def skip_parameters(self) -> None:
        """Pass over a function's parameters, which only have to look like some."""
        at = self.at
        self.skip_brackets()
        level, first = 0, True
        for token in self.tokens[at + 1 : self.at - 1]:
            if first and token.kind != ID and token.text != "...":
                raise self.unexpected(token, _("a parameter"))
            if token.kind == ID and token.text in _NO_PARAMETER and level == 0:
                raise self.unexpected(token, _("a parameter"))
            if token.kind == PUNCT:
                if token.text in {";", "{"}:
                    raise self.unexpected(token, "')'")
                level += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
            first = token.text == "," and level == 0

    def _applied_to(self, ctype: CType, modifiers: list[_Modifier]) -> CType:
        for kind, length, token in modifiers:
            if kind == "*":
                ctype = Pointer(ctype)
            elif kind == "()":
                if isinstance(plain(ctype), (ArrayOf, Function)):
                    raise refusal(token, _("a function cannot return this"))
                ctype = Function(ctype)
            else:
                self.need_complete(ctype, token)
                if size_of(ctype) % align_of(ctype):
                    raise refusal(
                        token,
                        _("{ctype} is not a multiple of its alignment").format(
                            ctype=type_text(ctype)
                        ),
                    )
                if size_of(ctype) * (length or 0) > MAX_SIZE or (length or 0) > MAX_SIZE:
                    raise refusal(token, _("an array larger than any memory"))
                # gcc aligns an array of atomic structs as one of plain ones (tried with 12.2).
                atomic = isinstance(ctype, Aligned) and ctype.atomic
                ctype = ArrayOf(plain(ctype) if atomic else ctype, length)
        return ctype
