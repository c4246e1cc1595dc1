"""Headers as people write them, and as they rarely do: the seeds of the mutations too."""

SHAPES: dict[str, str] = {
    "seed": """\
#include <semaphore.h>

#define BUFFER_SIZE 5

typedef struct {
    int buffer[BUFFER_SIZE];
    int in;
    int out;
    sem_t mutex;
    sem_t empty;
    sem_t full;
} Buffer;
""",
    "other order": """\
#ifndef BUF_H
#define BUF_H
#include <semaphore.h>
#define N 10
struct shm { sem_t full, empty, mutex; unsigned int head, tail; long data[N]; };
#endif
""",
    "nested items": """\
#include <semaphore.h>
#include <stdint.h>
typedef struct { int32_t id; char name[32]; double price; uint8_t flags[3]; } Item;
typedef Item item_t;
typedef struct ring { item_t items[8]; size_t in, out; } Ring;
typedef struct { Ring ring; sem_t mutex, empty, full; } Shared;
""",
    "macros and enums": """\
#include <semaphore.h>
enum { SLOTS = 1 << 4, WIDTH = SLOTS / 2 + sizeof(long), LAST = 'a' };
#define SQUARE(x) ((x) * (x))
#define NAME_LEN (SLOTS > 8 ? 24 : 12)
typedef enum kind { EMPTY_KIND, TEXT_KIND = 5, END_KIND } kind_t;
typedef struct message { kind_t kind; char text[NAME_LEN]; short codes[SQUARE(3) - LAST + 'a']; } Message;
typedef struct { Message queue[SLOTS]; int front, rear; sem_t lock, free, used; char pad[WIDTH]; } Queue;
""",
    "packed": """\
#include <semaphore.h>
#include <stdint.h>
struct __attribute__((packed)) a { char c; int data[4]; short in, out; };
struct b { char c; int data[4]; short in, out; } __attribute__((packed));
typedef struct { char c; long v; } __attribute__((__packed__)) C;
typedef struct { char c; long v; } D __attribute__((packed));
struct e { char c; int v __attribute__((packed)); long w; };
typedef struct __attribute__((packed, aligned(4))) { char c; int64_t v; C inner; } F;
typedef struct { C data[3]; int in, out; sem_t mutex; } G;
""",
    "pragma pack": """\
#include <semaphore.h>
#pragma pack(push, 1)
typedef struct { char c; int n; sem_t s; } P1;
#pragma pack(2)
typedef struct { char c; long n; struct { char a; int b; } in; } P2;
#pragma pack(pop)
typedef struct { char c; long n; P1 p; } P3;
#pragma pack(4)
struct p4 { char c; double d; };
#pragma pack()
struct p5 { char c; double d; struct p4 four; };
""",
    "qualified": """\
#include <stdatomic.h>
#include <stdbool.h>
#include <semaphore.h>
typedef struct {
    volatile int data[6]; _Atomic int in; _Atomic(int) out; const bool closed; _Bool done;
    volatile _Atomic unsigned long produced; atomic_int consumed; sem_t mutex, empty, full;
} Shared;
""",
    "unions and anonymous": """\
#include <stdint.h>
#include <semaphore.h>
typedef union { int i; double d; char raw[12]; } Value;
typedef struct { uint8_t tag; union { int32_t n; struct { int16_t x, y; }; }; Value v; } Item;
struct shared { Item slots[7]; struct { int in, out; }; struct { sem_t mutex, empty, full; } sems; };
""",
    "bit-fields": """\
typedef struct { unsigned a : 3, b : 7; int c : 12; unsigned long d : 40; char e : 4; } Bits;
struct mixed { char c; int f : 5; int : 0; short s; unsigned : 3; _Bool on : 1; Bits bits[2]; };
""",
    "strings": """\
#include <limits.h>
#include <semaphore.h>
typedef char line_t[32];
typedef struct { line_t data[10]; char names[4][16]; int in, out; char path[NAME_MAX + 1]; } Lines;
typedef struct { char buffer[5][64]; long in; long out; sem_t empty, full, mutex; } Text;
""",
    "pthreads": """\
#include <pthread.h>
#include <semaphore.h>
typedef struct {
    int data[16]; unsigned char in, out; pthread_mutex_t mutex; pthread_cond_t not_full, not_empty;
    pthread_t owner; pthread_rwlock_t rw; pthread_barrier_t barrier; pthread_mutexattr_t attr;
} Monitor;
""",
    "functions": """\
#include <stdio.h>
#include <stdint.h>
#include <semaphore.h>
#define SIZE 4
struct buffer;
extern struct buffer *shared;
static const int limit = SIZE;
static int counters[] = { 1, 2, 3 };
struct buffer { int64_t data[SIZE]; int in, out; void (*notify)(struct buffer *, int); };
typedef int (*callback_t)(const struct buffer *, void *);
void put(struct buffer *b, int64_t item);
FILE *open_log(const char *path);
static inline int count(const struct buffer *b) { return (b->in - b->out + SIZE) % SIZE; }
typedef struct { struct buffer b; callback_t calls[2]; sem_t *sems[3]; } Whole;
""",
    "cplusplus": """\
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
#include <stddef.h>
#define CONCAT(a, b) a##b
#define FIELD(type, name) type CONCAT(m_, name)
struct made { FIELD(int, in); FIELD(int, out); FIELD(char, data)[12]; size_t n; };
#ifdef __cplusplus
}
#endif
""",
    "aligned": """\
#include <stdalign.h>
#include <semaphore.h>
typedef struct { _Alignas(64) int in; _Alignas(64) int out; alignas(64) long data[8]; } Lines;
struct item { char c; int v __attribute__((aligned(16))); } __attribute__((aligned(32)));
typedef struct { struct item data[3]; int in, out; sem_t mutex; } Box;
typedef long slow __attribute__((aligned(16)));
struct odd { char c; slow s; char d; };
""",
    "wide": """\
#include <stdint.h>
struct wide { long double d; __int128 i; char c; float f[3]; unsigned long long u; };
typedef struct { struct wide data[2]; uint16_t in, out; int more[]; } Wide;
_Static_assert(sizeof(struct wide) == 64, "as gcc has it");
""",
    "expressions": """\
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define KB(n) ((n) << 10)
struct head { int32_t magic; char kind; uint64_t serial; };
typedef struct {
    char a[sizeof(struct head) * 2 - 1]; char b[(int)sizeof(long) % 5]; char c[MAX(3, 'c' - 'a')];
    char d[KB(1) >> 4]; char e[offsetof(struct head, serial)]; char f[-1 < 1u ? 1 : 2];
    char g[~0 + 2]; char h[CHAR_BIT * sizeof(int)]; char i[_Alignof(double)]; char j[!0 + (7 & 3) + (1 | 8)];
    char k[(uint8_t)300]; char l[0x10 + 010 + 0b11]; char m[UINT8_MAX / 5]; int n[2][1 + 2];
} Sizes;
#if defined(KB) && (SIZE_MAX > 10 || 0) && !defined OTHER
typedef struct { Sizes data[2]; int in, out; } Final;
#elif 1
#error not here
#else
struct never { int x; };
#endif
""",
    "continued": (
        "/* comment\n   of two lines */ #define LEN \\\n  (4 \\\n + 2)\r\n"
        "struct crlf {\r\n  int data[LEN]; // acção — ponto\r\n  int in, \\\r\n out;\r\n};\r\n"
    ).replace("*/ #define", "*/\n#define"),
    "portuguese": """\
#include <semaphore.h>
#define TAMANHO 6
/* Região crítica partilhada entre produtor e consumidor */
typedef struct { int codigo; char descrição[20]; float preço; } Produto;
typedef struct { Produto fila[TAMANHO]; int entrada, saida; sem_t exclusao, vazios, cheios; } Memoria;
""",
    "own bool": """\
typedef enum { false, true } bool;
typedef unsigned char byte;
typedef struct { byte data[9]; bool in_use; short in, out; } Own;
""",
    "macros that nest": """\
#define EMPTY
#define CALL(f, ...) f(__VA_ARGS__)
#define PAIR(a, b) a, b
#define DECLARE(type, names...) type names
#define STR(x) #x
#define VALUE 7
#define INDIRECT VALUE EMPTY
#define SELF SELF
struct nest { DECLARE(int, in, out); int CALL(PAIR, x, y); char data[INDIRECT + sizeof(int)]; };
#if INDIRECT == 7 && CALL(2 +, 3) == 5
struct chosen { char SELF[2]; };
#endif
_Static_assert(VALUE == 7, STR(VALUE "is" 'x'));
""",
    "odds and ends": """\
#include <stdint.h>
#include <stddef.h>
#include <semaphore.h>
#undef NEVER
#define GONE 1
#undef GONE
#line 40
#warning passed over
#ident "x"
#
#pragma GCC diagnostic ignored "-Wall"
#pragma STDC FP_CONTRACT ON
#pragma omp something
#pragma
_Pragma("pack(push, 2)") struct two { char a; int b; }; _Pragma("pack(pop)")
asm(".globl nothing");
;
__extension__ typedef unsigned long long big_t;
extern int shared_count, other __attribute__((unused));
static const char *const titles[] = { "a", "b" }, *first = (const char *)0;
enum first { ONE = 1, TWO __attribute__((unused)), THREE, };
enum first choose(enum first);
typedef enum __attribute__((packed)) { TINY = -128 } tiny_t;
enum large { LARGE = 1UL << 63 }; enum low { LOW = -1L - (1L << 40), HIGH = 5 };
struct forward; union either { struct forward *f; long l; };
struct arrays { int grid[2][3]; struct two t[2]; struct { char c[3]; long v[2]; } in; };
typedef int (*table_t[3])(int, char[2]); typedef table_t *tables_t;
struct all {
    big_t b; tiny_t t; enum large l; enum low w; union either e; table_t calls; tables_t more;
    char o[offsetof(struct arrays, grid[1][2])], p[__builtin_offsetof(struct arrays, in.v[1]) - 20];
    char q[LARGE > 5 ? sizeof(int[2]) : 1], r[_Alignof(struct arrays)], u[sizeof(struct { int z; })];
    int (*(*deep)(void))[4]; char *restrict s; const struct forward *const f; _Alignas(0) char v;
    _Alignas(double) char x; unsigned char y : 2, : 3, z : 3; int bits : TWO, more_bits : THREE;
    ; struct named { int inner; } named; struct unused_tag { int k; }; enum { INSIDE = 3 }; int;
    _Static_assert(INSIDE == 3, "in" "side"); char last[INSIDE];
#pragma pack(push, label, 4)
    double d;
#pragma pack(pop, label)
};
_Atomic(int) *atoms(void) { return 0; }
int values[2][2] = { { 1, 2 }, { 3, 4 } }, scalar = (1) + 2;
union both { int i; char c[7]; double d __attribute__((packed)); };
struct uses { union both b; struct named n; signed char s; long long int unsigned z; };
""",
    "macros at their limits": """\
#define EMPTY()
#define ONE(x) x
#define JOIN(a, b) a ## b
#define JOIN3(a, b, c) a ## b ## c
#define LIST(first, ...) first, ## __VA_ARGS__
#define NAMED(first, rest...) first, ## rest
#define LATER ONE (int last)
#define F func
#define HASH #
#define OPEN (
#define LINE __LINE__ + __COUNTER__ * 0 + __COUNTER__
#define STR(x) #x
#define XSTR(x) STR(x)
#define NOTHING
struct joined { int JOIN(a, 1), JOIN(, b), JOIN(c, ), JOIN3(d, , 2), JOIN3(, e, ); JOIN(,) int ONE(z); };
struct listed { int LIST(a), LIST(b, c), NAMED(d), NAMED(e, f, g); char EMPTY() F[LINE]; LATER; };
_Static_assert(1, XSTR(ONE(NOTHING "a\\n" 'c')) STR( a  b ) STR());
struct calls { char a[ONE(OPEN 4))]; char b[ONE
  (ONE(2) + ONE
  (3))]; int ONE; };
#if ONE(1) && JOIN(1, 0) == 10 && !defined(F) + defined F && defined (ONE) && 'A' == 65 && -1 < 0
struct kept { char c[__LINE__]; };
#elif UNKNOWN
#endif
#if 0
  don't mind "this
# if nested
# else
# unknown directive
# endif NESTED
#elif (0x10 == 16u) ? 1 : 0
struct elif { char c[2]; };
#else IF NOT
#error wrong
#endif CHOSEN
""",
    "foreign software": """\
#include <stdio.h>
#include <semaphore.h>
static inline void log_line(FILE *f, const char *text) { fprintf(f, "%s\\n", text); }
extern FILE *log_file;
struct b { int data[3], in, out; FILE *log; };
""",
}
