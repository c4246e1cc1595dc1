"""Names in scope, and what they and types are in constant expressions. Pure."""

from typing import Final

from shmtui.i18n import _
from shmtui.layouts.c.attributes import ATTRIBUTE, AttributeParser
from shmtui.layouts.c.expressions import Int, wrapped
from shmtui.layouts.c.system import SPECIFIERS
from shmtui.layouts.c.tokens import ID, STRING, Token, refusal, shown, words
from shmtui.layouts.c.types import (
    Aggregate,
    ArrayOf,
    CType,
    Enumeration,
    Primitive,
    align_of,
    complete,
    plain,
    size_of,
    type_text,
)

WORDS: Final = {word: word for words in SPECIFIERS for word in words.split()} | {
    "__signed__": "signed", "__signed": "signed", "__int128_t": "__int128",
}  # fmt: skip
QUALIFIERS: Final = words(
    "const __const __const__ volatile __volatile __volatile__ restrict __restrict __restrict__ "
    "__extension__"
)
STORAGE: Final = words("typedef extern static register auto _Thread_local __thread")
FUNCTION: Final = words("inline __inline __inline__ _Noreturn")
TAGGED: Final = words("struct union enum _Atomic")
REFUSED: Final = words(
    "typeof __typeof __typeof__ _Complex __complex__ _Imaginary __auto_type _Float128 __float128 "
    "_Float16 _Float32 _Float64 _Float32x _Float64x _Decimal32 _Decimal64 _Decimal128 _Generic "
    "_BitInt __label__ __builtin_va_list"
)
KEYWORDS: Final = (
    words("break case continue default do else for goto if return switch while sizeof struct union "
        "enum asm __asm __asm__ __attribute__ __attribute _Alignas _Alignof __alignof __alignof__ "
        "_Atomic _Static_assert")
    | set(WORDS) | QUALIFIERS | STORAGE | FUNCTION | REFUSED
)  # fmt: skip


class ConstantParser(AttributeParser):
    """The names that a header has declared so far, and expressions of them."""

    def __init__(self, tokens: list[Token], end: Token, system: dict[str, CType]) -> None:
        super().__init__(tokens, end)
        self.system = system
        self.typedefs: dict[str, CType] = {}
        self.constants: dict[str, Int] = {}
        self.objects: dict[str, CType] = {}
        self.used: set[str] = set()
        """Types of the system that were used: they cannot be declared otherwise after that."""

    def typedef(self, token: Token) -> CType | None:
        """The type that the name stands for, or None; the user's names hide the system's."""
        if token.kind != ID or token.text in KEYWORDS:
            return None
        name = token.text
        if name in self.constants or name in self.objects:
            return None
        return self.typedefs.get(name) or self.system.get(name)

    def starts_type(self, token: Token) -> bool:
        """Whether a type's name begins with this token."""
        if token.kind != ID:
            return False
        text = token.text
        return (
            text in WORDS
            or text in QUALIFIERS
            or text in REFUSED
            or text in TAGGED | ATTRIBUTE
            or text == "_Alignas"
            or self.typedef(token) is not None
        )

    def type_name(self) -> CType:
        """A type without a name, as ``sizeof`` takes it."""
        raise NotImplementedError

    def need_complete(self, ctype: CType, token: Token) -> None:
        """Refuse a type that has no size here."""
        if not complete(ctype):
            raise refusal(token, _("{ctype} is not complete here").format(ctype=type_text(ctype)))

    def bracketed(self, live: bool) -> Int:
        """A cast, or an expression in brackets."""
        if not self.starts_type(self.peek()):
            return super().bracketed(live)
        where = self.peek()
        target = plain(self.type_name())
        self.expect(")")
        value = self.unary(live).value
        match target:
            case Primitive(name="_Bool"):
                return Int(int(value != 0), 8, False)
            case Primitive() | Enumeration() if _castable(target):
                bits, signed = 8 * size_of(target), target.signed
                return Int(wrapped(value, bits, signed), bits, signed)
        raise refusal(
            where,
            _("a cast to {target} is not understood in a constant expression").format(
                target=type_text(target)
            ),
        )

    def named(self, token: Token, _live: bool) -> Int:
        """``sizeof`` and its like, an enum's constant."""
        match token.text:
            case "sizeof":
                return Int(self._sizeof(token), 64, False)
            case "_Alignof" | "__alignof__" | "__alignof":
                self.expect("(")
                ctype = self.type_name()
                self.need_complete(ctype, token)
                self.expect(")")
                return Int(align_of(ctype), 64, False)
            case "__builtin_offsetof":
                return Int(self._offsetof(token), 64, False)
            case name if name in self.constants:
                return self.constants[name]
            case "true" | "false" if token.text not in self.objects:
                return Int(int(token.text == "true"))
        raise refusal(
            token, _("{token} is not a constant that is known here").format(token=shown(token))
        )

    def _sizeof(self, token: Token) -> int:
        if self.peek().text == "(" and self.starts_type(self.peek(1)):
            self.take()
            ctype = self.type_name()
            self.expect(")")
            self.need_complete(ctype, token)
            return size_of(ctype)
        if self.peek().kind == STRING:
            raise refusal(token, _("sizeof of a string is not understood"))
        return self.unary(live=False).bits // 8

    def _offsetof(self, token: Token) -> int:
        self.expect("(")
        ctype = self.type_name()
        self.expect(",")
        bit = 0
        first = True
        while first or self.peek().text in {".", "["}:
            if not first and self.accept("["):
                array = plain(ctype)
                if not isinstance(array, ArrayOf):
                    raise refusal(
                        token, _("{ctype} is not an array").format(ctype=type_text(ctype))
                    )
                ctype = array.element
                bit += 8 * size_of(ctype) * self.conditional().value
                self.expect("]")
                continue
            if not first:
                self.expect(".")
            first = False
            bit, ctype = self._member(ctype, self.take(), bit)
        self.expect(")")
        return bit // 8

    def _member(self, ctype: CType, name: Token, bit: int) -> tuple[int, CType]:
        """Where that member of a struct lies, those of its anonymous members among them."""
        whole = plain(ctype)
        if isinstance(whole, Aggregate):
            for member in whole.fields or ():
                if member.name == name.text and name.kind == ID and member.width is None:
                    return bit + member.bit, member.type
                if not member.name and member.width is None and _has(member.type, name.text):
                    return self._member(member.type, name, bit + member.bit)
        raise refusal(
            name, _("{ctype} has no member {name}").format(ctype=type_text(ctype), name=shown(name))
        )


def _castable(ctype: Primitive | Enumeration) -> bool:
    return isinstance(ctype, Enumeration) or (ctype.integer and ctype.size <= 8)


def _has(ctype: CType, name: str) -> bool:
    return name in member_names(ctype)


def member_names(ctype: CType) -> list[str]:
    """The names of a struct's members, those of its anonymous members among them."""
    whole = plain(ctype)
    names: list[str] = []
    if isinstance(whole, Aggregate):
        for member in whole.fields or ():
            if member.name:
                names.append(member.name)
            elif member.width is None:
                names += member_names(member.type)
    return names
