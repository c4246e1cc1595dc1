"""Kinds of ring that C programs have: a header each, and the words that let one program use it."""

from dataclasses import dataclass
from typing import Final

_WORDS: Final = """\
#define T Buffer
#define N 5
#define DATA data
#define IN in
#define OUT out
#define MUTEX mutex
#define EMPTY empty
#define FULL full
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A header as its author wrote it, and what else it takes to use and to read it."""

    what: str
    header: str
    use: str = ""
    """Words of ``use.h`` that differ from those of the exercise."""
    options: tuple[str, ...] = ()
    """What has to be said besides ``--header``."""
    named: bool = False
    compiler: str = "gcc"
    flags: tuple[str, ...] = ()
    segments: int = 1
    inferable: bool = True
    """Whether it is plain: three semaphores, and an array and two indices side by side around them."""

    @property
    def words(self) -> str:
        """All of ``use.h``."""
        changed = {line.split()[1] for line in self.use.splitlines() if line.startswith("#define")}
        kept = [line for line in _WORDS.splitlines() if line.split()[1] not in changed]
        return "\n".join([*kept, self.use, ""])


_BUFFER: Final = """\
#include <semaphore.h>
typedef struct {{
    int data[{slots}];
    int in, out;
    sem_t mutex, empty, full;
}} Buffer;
"""
_TEXT: Final = """
#define PUT(at, n) snprintf(b->DATA[at], sizeof b->DATA[at], "item %d", n)
#define SHOW(at) printf("\\"%s\\"", b->DATA[at])
"""

KINDS: Final = (
    Kind("another N", _BUFFER.format(slots=17), "#define N 17"),
    Kind(
        "items with text",
        """\
#include <semaphore.h>
struct item { int id; char name[20]; double price; unsigned char flags[3]; };
typedef struct { struct item data[6]; int in, out; sem_t mutex, empty, full; } Buffer;
""",
        """\
#define N 6
#define PUT(at, n) (b->data[at] = (struct item){n, "item", (n) / 4.0, {1, 2, n}}, \\
    b->data[at].name[4] = 'a' + (n) % 26)
#define SHOW(at) printf("{\\"id\\": %d, \\"name\\": \\"%s\\", \\"price\\": %.2f, \\"flags\\": [%d, %d, %d]}", \\
    b->data[at].id, b->data[at].name, b->data[at].price, b->data[at].flags[0], \\
    b->data[at].flags[1], b->data[at].flags[2])
""",
        ("Buffer",),
    ),
    Kind(
        "indices and semaphores before the data",
        """\
#include <semaphore.h>
struct ring { int head; int tail; sem_t lock; sem_t free; sem_t used; short queue[9]; };
""",
        """\
#define T struct ring
#define N 9
#define DATA queue
#define IN head
#define OUT tail
#define MUTEX lock
#define EMPTY free
#define FULL used
""",
    ),
    Kind(
        "semaphores the other way round",
        """\
#include <semaphore.h>
typedef struct { int data[5]; int in, out; sem_t full, empty, mutex; } Buffer;
""",
    ),
    Kind(
        "8-byte indices, out first",
        """\
#include <semaphore.h>
#include <stddef.h>
typedef struct { size_t out, in; sem_t mutex, full, empty; long data[8]; } Buffer;
""",
        "#define N 8",
    ),
    Kind(
        "named semaphores",
        """\
#define TAM 7
typedef struct { double dados[TAM]; int entrada, saida; } Fila;
""",
        """\
#define T Fila
#define N TAM
#define DATA dados
#define IN entrada
#define OUT saida
#define NAMED
#define PUT(at, n) (b->dados[at] = (n) + 0.5)
#define SHOW(at) printf("%.1f", b->dados[at])
""",
        named=True,
    ),
    Kind(
        "indices that count on",
        """\
#include <semaphore.h>
#include <stdint.h>
/* reduced where a slot is touched: cells[write_pos++ % CELLS] */
enum { CELLS = 6 };
typedef struct { int64_t cells[CELLS]; uint32_t write_pos, read_pos; sem_t mutex, empty, full; } Ring;
""",
        "#define T Ring\n#define N CELLS\n#define DATA cells\n#define IN write_pos\n"
        "#define OUT read_pos\n#define AT(index) ((index) % N)\n#define AFTER(index) ((index) + 1)\n",
    ),
    Kind("built with musl", _BUFFER.format(slots=6), "#define N 6", compiler="musl-gcc"),
    Kind(
        "linked statically, with musl", _BUFFER.format(slots=6), "#define N 6",
        compiler="musl-gcc", flags=("-static",),
    ),
    Kind(
        "linked statically, with glibc", _BUFFER.format(slots=6), "#define N 6", flags=("-static",)
    ),
    Kind("two segments of one program", _BUFFER.format(slots=5), segments=2),
    Kind(
        "two rings in one segment",
        """\
#include <semaphore.h>
struct ring { int data[4]; int in, out; sem_t mutex, empty, full; };
struct both { struct ring pedidos, respostas; };
""",
        """\
#define T struct both
#define N 4
#define DATA respostas.data
#define IN respostas.in
#define OUT respostas.out
#define MUTEX respostas.mutex
#define EMPTY respostas.empty
#define FULL respostas.full
#define PREPARE(b) (sem_init(&(b)->pedidos.mutex, 1, 1), sem_init(&(b)->pedidos.empty, 1, 3), \\
    sem_init(&(b)->pedidos.full, 1, 1), (b)->pedidos.in = 1, (b)->pedidos.data[0] = 99)
""",
        (
            "both",
            "data=respostas.data,in=respostas.in,out=respostas.out,mutex=respostas.mutex,"
            "empty=respostas.empty,full=respostas.full",
        ),
        inferable=False,
    ),
    Kind(
        "rings in an array",
        """\
#include <semaphore.h>
typedef struct { short cells[4]; sem_t full, mutex, empty; long in, out; } Channel;
struct all { char magic[4]; Channel channels[3]; };
""",
        """\
#define T struct all
#define N 4
#define DATA channels[2].cells
#define IN channels[2].in
#define OUT channels[2].out
#define MUTEX channels[2].mutex
#define EMPTY channels[2].empty
#define FULL channels[2].full
""",
        ("all.channels[2]",),
        inferable=False,
    ),
    Kind(
        "the data between the indices",
        """\
#include <semaphore.h>
#define MAX_NOME 24
typedef struct { unsigned int id; char cliente[MAX_NOME]; double total; } Pedido;
typedef struct { int head; sem_t mutex, vazio, cheio; Pedido pedidos[12]; int tail; int count; } Fila;
""",
        """\
#define T Fila
#define N 12
#define DATA pedidos
#define IN head
#define OUT tail
#define EMPTY vazio
#define FULL cheio
#define PUT(at, n) (b->pedidos[at] = (Pedido){n, "Cliente", (n) * 1.5}, b->count++)
#define SHOW(at) printf("{\\"id\\": %u, \\"cliente\\": \\"%s\\", \\"total\\": %.2f}", b->pedidos[at].id, \\
    b->pedidos[at].cliente, b->pedidos[at].total)
""",
        inferable=False,
    ),
    Kind(
        "packed",
        """\
#include <semaphore.h>
#include <stdint.h>
#pragma pack(push, 1)
typedef struct { char version; int16_t data[7]; int32_t in, out; char state;
                 sem_t mutex, empty, full; } Buffer;
#pragma pack(pop)
""",
        "#define N 7",
        inferable=False,
    ),
    Kind(
        "items that are unions",
        """\
#include <semaphore.h>
#include <stdint.h>
typedef union { int32_t number; struct { int16_t low, high; }; uint8_t raw[4]; } Value;
typedef struct { uint8_t tag; Value value; } Item;
typedef struct { Item items[5]; struct { int in, out; }; struct { sem_t mutex, empty, full; }; } Buffer;
""",
        """\
#define DATA items
#define PUT(at, n) (b->items[at].tag = 1, b->items[at].value.number = (n) * 65537)
#define SHOW(at) printf("{\\"tag\\": 1, \\"value\\": {\\"number\\": %d, \\"low\\": %d, \\"high\\": %d, " \\
    "\\"raw\\": [%d, %d, %d, %d]}}", b->items[at].value.number, b->items[at].value.low, \\
    b->items[at].value.high, b->items[at].value.raw[0], b->items[at].value.raw[1], \\
    b->items[at].value.raw[2], b->items[at].value.raw[3])
""",
        ("Buffer",),
    ),
    Kind(
        "text in two dimensions",
        """\
#include <semaphore.h>
#define LINES 5
typedef struct { char buffer[LINES][24]; unsigned int in, out; sem_t empty, full, mutex; } Text;
""",
        "#define T Text\n#define N LINES\n#define DATA buffer" + _TEXT,
    ),
    Kind(
        "volatile, atomic and bool",
        """\
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
typedef struct {
    volatile int data[6]; _Atomic int in; atomic_int out; const bool closed; _Bool done;
    volatile _Atomic unsigned long produced; sem_t mutex, empty, full;
} Buffer;
""",
        "#define N 6",
        inferable=False,
    ),
    Kind(
        "a pthread mutex for a lock",
        """\
#include <pthread.h>
#include <semaphore.h>
typedef struct {
    pthread_mutex_t mutex; pthread_cond_t changed; int in, out; float data[5]; sem_t empty, full;
} Buffer;
""",
        "#define PTHREAD\n#define SHOW(at) printf(\"%.1f\", b->data[at])",
        inferable=False,
    ),
    Kind(
        "macros and enums for sizes",
        """\
#include <semaphore.h>
#include <stdint.h>
#define KB(n) ((n) << 10)
#define MAX(a, b) ((a) > (b) ? (a) : (b))
enum { SMALL = KB(1) >> 8, LARGE = sizeof(long) * 2, SLOTS = MAX(SMALL, LARGE) + 'c' - 'a' };
typedef struct { uint8_t data[SLOTS]; uint8_t in, out; sem_t mutex, empty, full; } Buffer;
""",
        "#define N SLOTS",
        inferable=False,
    ),
    Kind(
        "locks and conditions of no role here",
        """\
#include <pthread.h>
#include <semaphore.h>
struct ring {
    pthread_mutex_t stats_lock; pthread_cond_t changed; struct { float x, y; } points[5];
    int in, out; sem_t mutex, empty, full;
};
""",
        """\
#define T struct ring
#define DATA points
#define PUT(at, n) (b->points[at].x = (n), b->points[at].y = -(n) / 2.0f)
#define SHOW(at) printf("{\\"x\\": %.1f, \\"y\\": %.1f}", b->points[at].x, b->points[at].y)
""",
        ("ring", "data=points,mutex=mutex"),
        inferable=False,
    ),
    Kind(
        "packed behind the semaphores",
        """\
#include <semaphore.h>
#include <stdint.h>
struct __attribute__((packed)) ring {
    sem_t mutex, empty, full; char version; uint32_t in, out; uint64_t data[4];
};
""",
        "#define T struct ring\n#define N 4",
        inferable=False,
    ),
    Kind(
        "lines, the other way round",
        """\
#include <semaphore.h>
#define LEN 32
struct log { int ini, fim; char linhas[6][LEN]; sem_t mutex, livres, ocupados; };
""",
        "#define T struct log\n#define N 6\n#define DATA linhas\n#define IN fim\n"
        "#define OUT ini\n#define EMPTY livres\n#define FULL ocupados" + _TEXT,
        ("", "data=linhas,in=fim,out=ini,full=ocupados"),
        inferable=False,
    ),
    Kind(
        "a lock among the semaphores",
        """\
#include <pthread.h>
#include <semaphore.h>
#define CAP 10
struct msg { int id; char body[28]; };
struct queue { sem_t free_slots, used_slots; pthread_mutex_t lock; unsigned head; unsigned tail; struct msg slot[CAP]; };
""",
        """\
#define T struct queue
#define N CAP
#define PTHREAD
#define DATA slot
#define IN head
#define OUT tail
#define MUTEX lock
#define EMPTY free_slots
#define FULL used_slots
#define PUT(at, n) (b->slot[at] = (struct msg){n, "msg"})
#define SHOW(at) printf("{\\"id\\": %d, \\"body\\": \\"%s\\"}", b->slot[at].id, b->slot[at].body)
""",
        ("queue",),
        inferable=False,
    ),
    Kind(
        "magic, statistics and cache lines",
        """\
#include <semaphore.h>
#include <stdalign.h>
#include <stdint.h>
struct ring {
    uint32_t magic, version;
    alignas(64) uint64_t write_index;
    alignas(64) uint64_t read_index;
    alignas(64) sem_t mutex; sem_t empty; sem_t full;
    uint64_t produced, consumed;
    alignas(64) double samples[60];
};
""",
        """\
#define T struct ring
#define N 60
#define DATA samples
#define IN write_index
#define OUT read_index
#define PREPARE(b) ((b)->magic = 0x52494e47, (b)->version = 3)
#define PUT(at, n) (b->samples[at] = (n) * 0.5, b->produced++)
#define SHOW(at) printf("%.1f", b->samples[at])
""",
        ("", "data=samples,in=write_index,out=read_index"),
        inferable=False,
    ),
    Kind(
        "rings of structs in an array",
        """\
#include <semaphore.h>
typedef struct { int op; double arg; } Call;
typedef struct { Call calls[8]; int first, next; sem_t items, spaces, mutex; } Channel;
struct all { int count; Channel channels[3]; };
""",
        """\
#define T struct all
#define N 8
#define DATA channels[1].calls
#define IN channels[1].next
#define OUT channels[1].first
#define MUTEX channels[1].mutex
#define EMPTY channels[1].spaces
#define FULL channels[1].items
#define OTHER(c) (sem_init(&(c).items, 1, 0), sem_init(&(c).spaces, 1, 8), sem_init(&(c).mutex, 1, 1))
#define PREPARE(b) ((b)->count = 3, OTHER((b)->channels[0]), OTHER((b)->channels[2]))
#define PUT(at, n) (b->DATA[at] = (Call){n, (n) / 2.0})
#define SHOW(at) printf("{\\"op\\": %d, \\"arg\\": %.1f}", b->DATA[at].op, b->DATA[at].arg)
""",
        ("all.channels[1]", "data=calls,in=next,out=first,mutex=mutex,empty=spaces,full=items"),
        inferable=False,
    ),
    Kind(
        "indices of two bytes, padded to a page",
        """\
#include <semaphore.h>
#include <stdint.h>
typedef struct {
    union {
        struct { uint16_t in, out; sem_t mutex, empty, full; int64_t data[20]; };
        char page[4096];
    };
} Buffer;
""",
        "#define N 20",
        ("Buffer", "data=data,in=in,out=out,mutex=mutex,empty=empty,full=full"),
        inferable=False,
    ),
    Kind(
        "fields on pages of their own",
        """\
#include <semaphore.h>
#include <stdalign.h>
typedef struct {
    struct { sem_t mutex, empty, full; } sync;
    alignas(4096) int in; int out;
    alignas(4096) float data[48];
} Buffer;
""",
        "#define N 48\n#define MUTEX sync.mutex\n#define EMPTY sync.empty\n"
        "#define FULL sync.full\n#define SHOW(at) printf(\"%.1f\", b->data[at])",
        ("Buffer",),
        inferable=False,
    ),
    Kind(
        "semaphores first, with musl",
        """\
#include <semaphore.h>
typedef struct { sem_t mutex, empty, full; short in, out; long data[9]; } Buffer;
""",
        "#define N 9",
        compiler="musl-gcc",
        inferable=False,
    ),
    Kind(
        "flags and counters between the fields",
        """\
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
typedef struct {
    uint64_t made, used; bool closed; sem_t mutex; bool done; sem_t empty; int in; sem_t full; int out;
    struct { char name[32]; double v; int64_t when; } data[10];
} Buffer;
""",
        """\
#define N 10
#define PUT(at, n) (b->data[at].when = (n), b->data[at].v = (n) / 2.0, b->made++, \\
    snprintf(b->data[at].name, 32, "n%d", n))
#define SHOW(at) printf("{\\"name\\": \\"%s\\", \\"v\\": %.1f, \\"when\\": %ld}", b->data[at].name, \\
    b->data[at].v, (long)b->data[at].when)
""",
        ("Buffer",),
        inferable=False,
    ),
    Kind(
        "indices of a byte before text",
        """\
#include <semaphore.h>
#include <stdint.h>
typedef struct { uint8_t in, out, closed; char data[32][16]; sem_t full, empty, mutex; } Buffer;
""",
        "#define N 32" + _TEXT,
        inferable=False,
    ),
    Kind(
        "pairs of cache lines",
        """\
#include <semaphore.h>
#include <stdalign.h>
typedef struct {
    alignas(128) sem_t mutex; alignas(128) sem_t empty; alignas(128) sem_t full;
    alignas(128) unsigned in; alignas(128) unsigned out; alignas(128) int data[48];
} Buffer;
""",
        "#define N 48",
        inferable=False,
    ),
    Kind(
        "rings with locks in an array",
        """\
#include <pthread.h>
#include <semaphore.h>
typedef struct {
    pthread_mutex_t lock; sem_t empty, full; unsigned long in, out; double data[16];
} Lane;
struct all { int lanes; Lane lane[3]; };
""",
        """\
#define T struct all
#define N 16
#define PTHREAD
#define DATA lane[2].data
#define IN lane[2].in
#define OUT lane[2].out
#define MUTEX lane[2].lock
#define EMPTY lane[2].empty
#define FULL lane[2].full
#define OTHER(c) (pthread_mutex_init(&(c).lock, &shared), sem_init(&(c).empty, 1, 16), \\
    sem_init(&(c).full, 1, 0))
#define PREPARE(b) ((b)->lanes = 3, OTHER((b)->lane[0]), OTHER((b)->lane[1]))
#define SHOW(at) printf("%.1f", b->DATA[at])
""",
        ("all.lane[2]",),
        inferable=False,
    ),
)  # fmt: skip
