/* The exercise's own struct, and how its items go in and out. */
#include "zoo.h"

#define N 5
#ifndef ALIGNED
#define ALIGNED
#endif
typedef struct {
    int data[N];
    int in;
    int out;
    ALIGNED sem_t mutex;
    sem_t empty;
    sem_t full;
} Buffer;

static Buffer *b;
static const char *name;
static long produce_ms = 20, consume_ms = 20;

static void join(void) { b = opened(name, sizeof *b, PROT_READ | PROT_WRITE); }
static void leave(void) { munmap(b, sizeof *b); }

/* mutex last: who looks for it finds the others ready. */
static void initialise(int mutex, int empty, int full) {
    sem_init(&b->empty, 1, empty); sem_init(&b->full, 1, full); sem_init(&b->mutex, 1, mutex);
}
static void make_buffer(const char *segment) {
    start_keeper();
    name = segment;
    b = created(name, sizeof *b);
    initialise(1, N, 0);
}
static void private_semaphores(void) {
    sem_init(&b->mutex, 0, 1); sem_init(&b->empty, 0, N); sem_init(&b->full, 0, 0);
}

static void lock(void) { take(&b->mutex); come_in(); }
static void unlock(void) { go_out(); give(&b->mutex); }

static void insert(int item) { b->data[b->in] = item; b->in = (b->in + 1) % N; }
static int extract(void) { int item = b->data[b->out]; b->out = (b->out + 1) % N; return item; }

static void put(int producer) { take(&b->empty); lock(); insert(make(producer)); unlock(); give(&b->full); }
static void get(void) { take(&b->full); lock(); got(extract()); unlock(); give(&b->empty); }
static void put_unlocked(int number) { take(&b->empty); insert(make(number)); give(&b->full); }
static void get_unlocked(void) { take(&b->full); got(extract()); give(&b->empty); }

static void produce(int number) { for (join();; nap(produce_ms)) put(number); }
static void consume(int number) { for (join();; nap(consume_ms)) get(); }
static void produce_unlocked(int number) { for (join();; nap(produce_ms)) put_unlocked(number); }
static void consume_unlocked(int number) { for (join();; nap(consume_ms)) get_unlocked(); }
static void *thread_produce(void *number) { for (;; nap(produce_ms)) put((int)(long)number); }
static void *thread_consume(void *number) { for (;; nap(consume_ms)) get(); }

static void pair(void) { hire(produce, 1, consume, 1); }
