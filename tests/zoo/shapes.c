/* shape NAME, compiled with -DSHAPE=…: a healthy pair over a ring of another shape than the exercise's.
   MODE: pair, or full for a producer whose consumer comes later. */
#include "zoo.h"
#include "shapes.h"

#ifndef MUTEX
#define MUTEX(r) (&(r)->mutex)
#define EMPTY(r) (&(r)->empty)
#define FULL(r) (&(r)->full)
#endif
#ifndef FREE
#define FREE CELLS
#endif

static Segment *s;
static const char *name;
static long produce_ms = 20, consume_ms = 30;

static void prepare(Ring *r) {
    sem_init(MUTEX(r), 1, 1);
#ifndef LOCK_ONLY
    sem_init(EMPTY(r), 1, FREE);
    sem_init(FULL(r), 1, 0);
#endif
    START(r);
}

static void put(Ring *r, int producer) {
#ifdef LOCK_ONLY
    for (;; nap(4)) { take(MUTEX(r)); if (!IS_FULL(r)) break; give(MUTEX(r)); }
    PUT(r, make(producer));
    give(MUTEX(r));
#else
    take(EMPTY(r)); take(MUTEX(r));
    PUT(r, make(producer));
    give(MUTEX(r)); give(FULL(r));
#ifdef AFTER_PUT
    AFTER_PUT(r);
#endif
#endif
}

static void get(Ring *r, void (*tell)(int)) {
#ifdef LOCK_ONLY
    for (;; nap(4)) { take(MUTEX(r)); if (!IS_EMPTY(r)) break; give(MUTEX(r)); }
    tell(GET(r));
    give(MUTEX(r));
#else
    take(FULL(r)); take(MUTEX(r));
    tell(GET(r));
    give(MUTEX(r)); give(EMPTY(r));
#ifdef AFTER_GET
    AFTER_GET(r);
#endif
#endif
}

/* A stack gives its items back in another order: each has to have been put, and each once. */
static void got_once(int item) {
    static unsigned char seen[EACH];
    if (item < 0 || item >= tally->made[0]) damage("%d was never put", item);
    if (seen[item]++) damage("%d was taken twice", item);
    tally->taken++;
}

static void join(void) { s = opened(name, sizeof *s, PROT_READ | PROT_WRITE); }
#ifdef STACK
#define TELL got_once
#else
#define TELL got
#endif
static void produce(int number) { for (join();; nap(produce_ms)) put(RING(s, number), number); }
static void consume(int number) { for (join();; nap(consume_ms)) get(RING(s, number), TELL); }
static void consume_later(int number) { rest(); consume(number); }

int main(int argc, char **argv) {
    start_keeper();
    int full = !strcmp(argv[1], "full");
    name = argv[2];
    s = created(name, sizeof *s);
    for (int i = 0; i < RINGS; i++) prepare(RING(s, i));
    for (int i = 0; i < RINGS; i++) {
        spawn("producer", produce, i);
        spawn("consumer", full ? consume_later : consume, i);
    }
    keep();
}
