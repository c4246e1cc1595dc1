/* wild MODE NAME: healthy programs over a struct as it is met in the wild: a ring with a lock, and for each of those
   that wait a semaphore of its own, in an array of structs. */
#include "zoo.h"

#define N 8
#define BACKENDS 3
typedef struct { sem_t wake; int waiting, item; } Backend;
typedef struct {
    sem_t lock;
    int in, out, count;
    int items[N];
    Backend backends[BACKENDS];
} Pool;

static Pool *p;
static const char *name;

static void join(void) { p = opened(name, sizeof *p, PROT_READ | PROT_WRITE); }
static void lock(void) { take(&p->lock); come_in(); }
static void unlock(void) { go_out(); give(&p->lock); }
static int next(void) { int item = p->items[p->out]; p->out = (p->out + 1) % N; p->count--; return item; }

/* An item goes to one that waits, and else into the ring; who finds the ring empty waits for its own item. */
static void hand_out(int item) {
    for (int i = 0; i < BACKENDS; i++) if (p->backends[i].waiting) {
        p->backends[i].waiting = 0;
        p->backends[i].item = item;
        got(item);
        give(&p->backends[i].wake);
        return;
    }
    p->items[p->in] = item; p->in = (p->in + 1) % N; p->count++;
}
static void dispatch(int slowly) {
    for (join();; nap(slowly ? 3000 : 30)) { lock(); if (p->count < N) hand_out(make(0)); unlock(); }
}
static void serve(int number) {
    Backend *own;
    for (join(), own = &p->backends[number];; nap(40)) {
        lock();
        if (p->count) { got(next()); unlock(); continue; }
        own->waiting = 1;
        unlock();
        take(&own->wake);
    }
}
static void start(int slowly) { spawn("dispatcher", dispatch, slowly); for (int i = 0; i < BACKENDS; i++) spawn("backend", serve, i); }
static void backends(void) { start(0); }
static void backends_idle(void) { start(1); }

static const Mode MODES[] = {{"backends", backends}, {"backends_idle", backends_idle}};

int main(int argc, char **argv) {
    name = argv[2];
    start_keeper();
    p = created(name, sizeof *p);
    sem_init(&p->lock, 1, 1);
    for (int i = 0; i < BACKENDS; i++) sem_init(&p->backends[i].wake, 1, 0);
    return keep_mode(MODES, sizeof MODES / sizeof MODES[0], argv[1]);
}
