"""What people call the members of a bounded buffer, in English and Portuguese. Pure.

A name is cut into words; noise such as ``sem`` and ``idx`` is dropped; what is left must be
words of one role. A name with a further word in it means something else: ``in_use`` is no
index and ``mutex_prod`` is not the buffer's lock.
"""

import re
import unicodedata
from typing import Final

from shmtui.shm.protocol import SemaphoreRole

ROLES: Final = ("data", "in", "out", "mutex", "empty", "full")
CAPACITY: Final = "capacity"
"""A member that says how many slots of the array are used."""
COUNT: Final = "count"
"""A member that counts the full slots."""

CERTAIN: Final = 3
"""The name says the role and nothing else."""
USUAL: Final = 2
"""The name is used for the role: ``slots`` of a semaphore, for free ones."""
CONVENTION: Final = 1
"""Programs use the name for either role: some write at ``head``, others at ``tail``."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOCABULARY: Final[dict[str, tuple[frozenset[str], frozenset[str], frozenset[str]]]] = {
    "data": (
        _words("data dado dados buffer buf buff items item itens slots slot queue fila"),
        _words(
            "elementos elemento elements element elems vetor vet array messages message mensagens "
            "mensagem msgs ring cells values valores storage contents conteudo produtos products "
            "tasks tarefas jobs pedidos orders entries"
        ),
        frozenset(),
    ),
    "in": (
        _words("in write put insert entrada entra escrita inserir insercao prod producer produtor"),
        _words(
            "writer writing wr w ent enqueue push escrever escritor produce widx wpos wptr "
            "insere deposita deposit append"
        ),
        _words("head rear inicio ini cabeca tras end final wp wrp back last ultimo"),
    ),
    "out": (
        _words("out read get remove saida leitura remover remocao cons consumer consumidor"),
        _words(
            "reader reading rd r sai dequeue pop ler leitor consume retirada ridx rpos rptr "
            "retira retirar extrai extract fetch"
        ),
        _words("tail front fim cauda frente start begin comeco first primeiro rp rdp"),
    ),
    "mutex": (
        _words("mutex lock mtx exclusao trava mutua"),
        _words("excl mut guard critical critica cadeado"),
        frozenset(),
    ),
    "empty": (
        _words("empty vazio vazios vazia vazias free livre livres empties"),
        _words("spaces space espaco espacos slots slot vagas vaga room"),
        frozenset(),
    ),
    "full": (
        _words("full cheio cheios cheia cheias used ocupado ocupados ocupada ocupadas filled"),
        _words("items item itens occupied fulls prontos ready"),
        frozenset(),
    ),
    CAPACITY: (
        _words("capacity capacidade max maximo"),
        _words("size tamanho tam cap limit limite length len bufsize slots"),
        frozenset(),
    ),
    COUNT: (
        _words(
            "count cnt counter cont contador contagem qtd qtde quantidade quantos quantas ocupacao occupancy"
        ),
        _words("num n used ocupados filled fill full total size tamanho len length"),
        frozenset(),
    ),
}
_NOISE: Final = _words(
    "sem semaphore semaforo sema semaforos idx index indice ind pos position posicao ptr pointer "
    "ponteiro next proximo proxima prox current cur atual shm shared compartilhado de do da the "
    "my i s m"
)
_COUNTED: Final = _words("count cnt n num qtd slots slot posicoes buffer buf")
_THERE: Final = _words("available avail disponivel disponiveis")
_COMPANIONS: Final = {
    "mutex": _words("buffer buf queue fila access acesso region regiao"),
    "empty": (_COUNTED | _THERE) - _words("slots slot"),
    "full": _COUNTED | _THERE,
    COUNT: _words("items item itens elements element elementos elems slots slot"),
}
"""Words that go with a role and do not tell it: ``full_slots``. An integer that is called a
count is a counter, and no index.
"""
_WRAPPED: Final = _NOISE | _words("v val value valor raw word x inner impl handle")
"""Members that a struct of one value has: they say nothing of what it is for."""
_NOT: Final = _words("not non nao")
_OPPOSITE: Final = {"empty": "full", "full": "empty"}


def words_of(name: str) -> list[str]:
    """A member's name in words, in lower case and without accents.

    >>> words_of("semEmptySlots"), words_of("próximo_livre2")
    (['sem', 'empty', 'slots'], ['proximo', 'livre'])
    """
    flat = unicodedata.normalize("NFKD", name)
    flat = "".join(c for c in flat if not unicodedata.combining(c))
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", flat)
    return [word.lower() for word in found]


def _telling_part(name: str) -> str:
    """The part of a dotted name that says what the member is for: ``in`` of ``in.value``."""
    parts = name.split(".")
    telling = (part for part in reversed(parts) if not _WRAPPED.issuperset(words_of(part)))
    return next(telling, parts[-1])


def fitness(name: str, role: str) -> int:
    """How surely the name, dotted in an inner struct, stands for the role; 0: it does not.

    >>> fitness("nextIn", "in"), fitness("head", "in"), fitness("in_use", "in")
    (3, 1, 0)
    >>> fitness("slots", "empty"), fitness("empty_slots", "empty"), fitness("items", "full")
    (2, 3, 2)
    >>> fitness("notEmpty", "full"), fitness("not_empty", "empty"), fitness("space_available", "empty")
    (3, 0, 2)
    >>> fitness("ring.in", "in"), fitness("in.value", "in"), fitness("in.total", "in")
    (3, 3, 0)
    """
    words = [word for word in words_of(_telling_part(name)) if word not in _NOISE]
    if role in _OPPOSITE and words[:1] and words[0] in _NOT:
        # What waits until the ring is not full takes a free slot.
        return _fitness(words[1:], _OPPOSITE[role])
    return _fitness(words, role)


def _fitness(words: list[str], role: str) -> int:
    certain, usual, convention = _VOCABULARY[role]
    words = [word for word in words if word not in _COMPANIONS.get(role, frozenset())]
    if not words or any(word not in certain | usual | convention for word in words):
        return 0
    for level, vocabulary in ((CERTAIN, certain), (USUAL, usual), (CONVENTION, convention)):
        if any(word in vocabulary for word in words):
            return level
    return 0


_STEMS: Final = {
    SemaphoreRole.MUTEX: ("mutex", "mtx", "lock", "trava", "exclus"),
    SemaphoreRole.EMPTY: (
        "empty",
        "vazi",
        "free",
        "livre",
        "space",
        "avail",
        "espaco",
        "slot",
        "vaga",
    ),
    SemaphoreRole.FULL: ("full", "chei", "item", "iten", "used", "ocupad", "fill"),
}


def roles_by_name(names: list[str]) -> tuple[tuple[SemaphoreRole, str], ...]:
    """Roles of named semaphores whose names say them, one each.

    >>> roles_by_name(["/app_mutex", "/app_vazio", "/app_cheio"])[1]
    (<SemaphoreRole.EMPTY: 'empty'>, '/app_vazio')
    >>> [role.value for role, _name in roles_by_name(["/q_lock", "/q_slots", "/q_items"])]
    ['mutex', 'empty', 'full']
    >>> [name for _role, name in roles_by_name(["/q_not_full", "/q_not_empty"])]
    ['/q_not_full', '/q_not_empty']
    """
    found = []
    for role in _STEMS:
        matching = [name for name in names if role in _roles_in(name)]
        if len(matching) == 1:
            found.append((role, matching[0]))
    return tuple(found)


_DENIED: Final = re.compile(rf"(?:^|_)(?:{'|'.join(sorted(_NOT))})_?([a-z]+)")
"""A word that another one denies: who waits until the ring is not full takes a free slot."""


def _roles_in(name: str) -> set[SemaphoreRole]:
    """The roles that the words of a named semaphore stand for."""
    text = "_".join(words_of(name))
    denied, rest = _DENIED.findall(text), _DENIED.sub("_", text)
    found = {role for role, stems in _STEMS.items() if any(stem in rest for stem in stems)}
    return found | {
        SemaphoreRole(opposite)
        for role, opposite in _OPPOSITE.items()
        if any(word.startswith(_STEMS[SemaphoreRole(role)]) for word in denied)
    }
