"""A preprocessed header as declarations: its structs, laid out. Pure.

Only types matter: prototypes, function bodies and initial values are passed over.
"""

from shmtui.i18n import _
from shmtui.layouts.c.attributes import Attributes
from shmtui.layouts.c.bodies import BodyParser
from shmtui.layouts.c.constants import KEYWORDS
from shmtui.layouts.c.system import SPECIFIERS, system_types
from shmtui.layouts.c.tokens import ID, PUNCT, Token, refusal, shown
from shmtui.layouts.c.types import (
    Aggregate,
    Aligned,
    ArrayOf,
    CType,
    Enumeration,
    Function,
    Opaque,
    complete,
    plain,
    same,
    type_text,
)
from shmtui.layouts.c.typesyntax import Specifiers
from shmtui.shm.libc import Libc


def parse(tokens: list[Token], end: Token, libc: Libc) -> list[Aggregate]:
    """The structs and unions that the header defines, in the order of their ends."""
    parser = _Declarations(tokens, end, system_types(libc))
    while parser.peek() is not end:
        parser.external()
    return parser.defined


class _Declarations(BodyParser):
    """What stands at file scope."""

    def __init__(self, tokens: list[Token], end: Token, system: dict[str, CType]) -> None:
        super().__init__(tokens, end, system)
        self.filled: set[str] = set()

    def external(self) -> None:
        """One declaration, function or pragma."""
        token = self.peek()
        if self.aside(token):
            return
        if token.text in {"asm", "__asm__", "__asm"}:
            self.take()
            self.skip_brackets()
            self.expect(";")
            return
        if self._skip_foreign():
            return
        found = self.specifiers()
        if self.accept(";"):
            if found.storage == "typedef":
                raise refusal(found.first, _("a typedef without a name"))
            return
        while True:
            name, ctype, attributes = self.declarator(found.type)
            self._declare(found, name, ctype, found.attributes.merged(attributes, name))
            if self._body_or_value(name, ctype, found):
                return
            if not self.accept(","):
                self.expect(";")
                return

    def _skip_foreign(self) -> bool:
        """Pass over a prototype, a variable or a function of a type that a system header has:
        no layout depends on it.
        """
        at = 0
        while self.peek(at).text in {"extern", "static", "inline", "const"}:
            at += 1
        kind = self.peek(at)
        if kind.kind != ID or kind.text in KEYWORDS | self.tags.keys() or self.starts_type(kind):
            return False
        name = at + 1
        while self.peek(name).text in {"*", "const"}:
            name += 1
        if self.peek(name).kind != ID or self.peek(name).text in KEYWORDS:
            return False
        call = name + 1
        if self.peek().text == "extern" and self.peek(call).text == ";":
            self.at += call + 1
            return True
        if self.peek(call).text != "(" or self.typedef(self.peek(name)) is not None:
            return False
        self.at += call
        self.skip_parameters()
        if self.peek().text not in {";", "{", "__attribute__", "asm", "__asm__"}:
            raise self.unexpected(self.peek(), "';'")
        while not self.accept(";"):
            if self.peek().text in {"(", "{"}:
                body = self.peek().text == "{"
                self.skip_brackets()
                if body:
                    return True
            elif self.take() is self.end:
                raise refusal(self.end, _("';' is missing at the end"))
        return True

    def _declare(
        self, found: Specifiers, name: Token, ctype: CType, attributes: Attributes
    ) -> None:
        text = name.text
        if found.storage != "typedef":
            self._declare_object(name, ctype)
            return
        attributes.known()
        if found.inline or attributes.alignas:
            raise refusal(name, _("a typedef of this kind is not understood"))
        if attributes.align:
            if not complete(ctype):
                raise refusal(
                    name, _("{ctype} is not complete here").format(ctype=type_text(ctype))
                )
            ctype = Aligned(ctype, attributes.align)
        old = self.typedefs.get(text)
        if old is None and (text in self.used or isinstance(self.system.get(text), Opaque)):
            old = self.system[text]
        if text in self.constants or text in self.objects or (old and not same(old, ctype)):
            raise refusal(
                name, _("{name} is declared twice, in different ways").format(name=shown(name))
            )
        self.typedefs[text] = ctype
        whole = plain(ctype)
        if isinstance(whole, (Aggregate, Enumeration)) and text not in whole.names:
            whole.names.append(text)

    def _declare_object(self, name: Token, ctype: CType) -> None:
        text = name.text
        old = self.objects.get(text)
        clash = old is not None and (
            isinstance(old, Function) != isinstance(ctype, Function)
            or not (isinstance(old, (Function, ArrayOf)) or same(old, ctype))
        )
        if text in self.typedefs or text in self.constants or clash:
            raise refusal(
                name, _("{name} is declared twice, in different ways").format(name=shown(name))
            )
        if ctype == SPECIFIERS["void"]:
            raise refusal(name, _("{name} cannot be void").format(name=shown(name)))
        self.objects[text] = ctype

    def _body_or_value(self, name: Token, ctype: CType, found: Specifiers) -> bool:
        """Pass over a function's body (True: the declaration ends with it) or an initial value."""
        if self.peek().text == "{" and isinstance(ctype, Function) and found.storage != "typedef":
            self._fill(name)
            self.skip_brackets()
            return True
        if not self.accept("="):
            return False
        self._fill(name)
        if found.storage == "typedef" or isinstance(ctype, Function):
            raise refusal(name, _("{name} cannot have a value").format(name=shown(name)))
        if self.peek().text in {",", ";"}:
            raise self.unexpected(self.peek(), _("a value"))
        while self.peek().text not in {",", ";"}:
            if self.peek().text in {"(", "{", "["} and self.peek().kind == PUNCT:
                self.skip_brackets()
            elif self.peek().text in {")", "}", "]"} or self.peek() is self.end:
                raise self.unexpected(self.peek(), "';'")
            else:
                self.take()
        return False

    def _fill(self, name: Token) -> None:
        """Note that a function has its body, or a variable its value."""
        if name.text in self.filled:
            raise refusal(name, _("{name} is defined twice").format(name=shown(name)))
        self.filled.add(name.text)
