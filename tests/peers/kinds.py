"""Twelve kinds of program that share a bounded buffer, as headers and the ways to reach them."""

from dataclasses import dataclass

_INT = """
#define PUT(i, id) (SLOT(i) = (id))
#define SHOW(i) printf("%d", (int)SLOT(i))
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the user has in a header, and what the C program needs to work with it."""

    name: str
    slots: int
    header: str
    access: str
    item: str
    """As ``--layout`` names the type of an item."""
    index: str = "int32"
    compiler: str = "gcc"
    named: bool = False
    mapping: tuple[tuple[str, str], ...] = ()
    """What ``--map`` has to say, where the names say nothing."""


def _access(type_: str, n: str, slot: str, in_: str, out: str, sems: str, rest: str = _INT) -> str:
    mutex, empty, full = sems.split()
    return f"""
#define TYPE {type_}
#define N {n}
#define SLOT(i) (ring->{slot}[i])
#define IN (ring->{in_})
#define OUT (ring->{out})
#define MUTEX (&ring->{mutex})
#define EMPTY (&ring->{empty})
#define FULL (&ring->{full})
{rest}
"""


KINDS = (
    Kind(
        "other-n", 12,
        "#include <semaphore.h>\n#define TAM 12\ntypedef struct {\n  int buffer[TAM];\n"
        "  int in, out;\n  sem_t mutex, empty, full;\n} Buffer;\n",
        _access("Buffer", "TAM", "buffer", "in", "out", "mutex empty full"),
        "int32",
    ),
    Kind(
        "strings-in-items", 6,
        "#include <semaphore.h>\nstruct job { long id; char name[20]; float weight; };\n"
        "struct queue {\n  sem_t lock, free_slots, items;\n  struct job data[6];\n"
        "  int head, tail;\n};\n",
        _access(
            "struct queue", "6", "data", "head", "tail", "lock free_slots items",
            '#define PUT(i, n) (SLOT(i).id = (n), SLOT(i).weight = (n) / 4.0f, '
            'snprintf(SLOT(i).name, 20, "job %d", (n)))\n'
            '#define SHOW(i) printf("{\\"id\\": %ld, \\"name\\": \\"%s\\", \\"weight\\": %.2f}", '
            "SLOT(i).id, SLOT(i).name, SLOT(i).weight)",
        ),
        "byte[32]",
    ),
    Kind(
        "indices-first", 9,
        "#include <semaphore.h>\nstruct fila {\n  int entrada, saida;\n  sem_t vazio, cheio, "
        "exclusao;\n  short dados[9];\n};\n",
        _access("struct fila", "9", "dados", "entrada", "saida", "exclusao vazio cheio"),
        "int16",
        mapping=(("mutex", "exclusao"),),
    ),
    Kind(
        "other-semaphore-order", 5,
        "#include <semaphore.h>\ntypedef struct {\n  int buffer[5];\n  int in;\n  int out;\n"
        "  sem_t full;\n  sem_t mutex;\n  sem_t empty;\n} Buffer;\n",
        _access("Buffer", "5", "buffer", "in", "out", "mutex empty full"),
        "int32",
    ),
    Kind(
        "wide-indices", 8,
        "#include <semaphore.h>\n#include <stddef.h>\nstruct shared {\n  double values[8];\n"
        "  size_t write_pos, read_pos;\n  sem_t mutex, empty, full;\n};\n",
        _access(
            "struct shared", "8", "values", "write_pos", "read_pos", "mutex empty full",
            '#define PUT(i, n) (SLOT(i) = (n) / 2.0)\n#define SHOW(i) printf("%.1f", SLOT(i))',
        ),
        "double",
        "int64",
        mapping=(("data", "values"), ("in", "write_pos"), ("out", "read_pos")),
    ),
    Kind(
        "named-semaphores", 7,
        "typedef struct {\n  int buffer[7];\n  int in, out;\n} Buffer;\n",
        "#define TYPE Buffer\n#define N 7\n#define SLOT(i) (ring->buffer[i])\n#define IN ring->in\n"
        "#define OUT ring->out\n#define MUTEX mutex\n#define EMPTY empty\n#define FULL full\n" + _INT,
        "int32",
        named=True,
    ),
    Kind(
        "musl", 5,
        "#include <semaphore.h>\ntypedef struct {\n  int buffer[5];\n  int in, out;\n"
        "  sem_t mutex, empty, full;\n} Buffer;\n",
        _access("Buffer", "5", "buffer", "in", "out", "mutex empty full"),
        "int32",
        compiler="musl-gcc",
    ),
    Kind(
        "packed", 4,
        "#include <semaphore.h>\n#include <stdint.h>\nstruct __attribute__((packed)) ring {\n"
        "  sem_t mutex, empty, full;\n  char version;\n  uint32_t in, out;\n  uint64_t data[4];\n};\n",
        _access("struct ring", "4", "data", "in", "out", "mutex empty full"),
        "uint64",
    ),
    Kind(
        "unions-and-enums", 5,
        "#include <semaphore.h>\nenum { SLOTS = 4 + 1 };\nunion word { int number; unsigned char "
        "bytes[4]; };\nstruct ring {\n  union word items_[SLOTS];\n  unsigned in, out;\n"
        "  sem_t mutex, empty, full;\n};\n",
        _access(
            "struct ring", "SLOTS", "items_", "in", "out", "mutex empty full",
            "#define PUT(i, n) (SLOT(i).number = (n))\n"
            '#define SHOW(i) printf("{\\"number\\": %d, \\"bytes\\": [%d, %d, %d, %d]}", '
            "SLOT(i).number, SLOT(i).bytes[0], SLOT(i).bytes[1], SLOT(i).bytes[2], "
            "SLOT(i).bytes[3])",
        ),
        "int32",
        mapping=(("data", "items_"),),
    ),
    Kind(
        "lines-of-text", 6,
        "#include <semaphore.h>\n#define LEN 32\nstruct log {\n  int ini, fim;\n"
        "  char linhas[6][LEN];\n  sem_t mutex, livres, ocupados;\n};\n",
        _access(
            "struct log", "6", "linhas", "fim", "ini", "mutex livres ocupados",
            '#define PUT(i, n) snprintf(SLOT(i), 32, "linha %d", (n))\n'
            '#define SHOW(i) printf("\\"%s\\"", SLOT(i))',
        ),
        "byte[32]",
        mapping=(("data", "linhas"), ("in", "fim"), ("out", "ini"), ("full", "ocupados")),
    ),
    Kind(
        "volatile-and-atomic", 10,
        "#include <semaphore.h>\n#include <stdatomic.h>\n#include <stdbool.h>\nstruct ring {\n"
        "  _Atomic int head;\n  volatile int tail;\n  bool closed;\n  volatile long buf[10];\n"
        "  sem_t lock, empty, full;\n};\n",
        _access("struct ring", "10", "buf", "head", "tail", "lock empty full"),
        "int64",
    ),
    Kind(
        "with-pthread-types", 5,
        "#include <pthread.h>\n#include <semaphore.h>\nstruct ring {\n  pthread_mutex_t stats_lock;\n"
        "  pthread_cond_t changed;\n  struct { float x, y; } points[5];\n  int in, out;\n"
        "  sem_t mutex, empty, full;\n};\n",
        _access(
            "struct ring", "5", "points", "in", "out", "mutex empty full",
            "#define PUT(i, n) (SLOT(i).x = (n), SLOT(i).y = -(n) / 2.0f)\n"
            '#define SHOW(i) printf("{\\"x\\": %.1f, \\"y\\": %.1f}", SLOT(i).x, SLOT(i).y)',
        ),
        "byte[8]",
        mapping=(("data", "points"), ("mutex", "mutex")),
    ),
)  # fmt: skip
"""Two buffers at once are two of these."""
