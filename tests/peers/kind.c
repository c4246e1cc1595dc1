/* kind NAME...: in each segment a ring of one kind, by the struct of kind.h and the words of use.h.
   Says as a line of JSON a segment where the compiler laid what and what it has put where: at first
   partly full and at rest. The letter f has it fill them, so that a producer blocks on empty and a
   consumer on the mutex; g has it go on with a quick producer and a consumer. Ends with its input. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "kind.h"
#include "use.h"

#ifndef PUT
#define PUT(at, n) (b->DATA[at] = (n))
#endif
#ifndef SHOW
#define SHOW(at) printf("%lld", (long long)b->DATA[at])
#endif
#ifndef AT
#define AT(index) (index)
#define AFTER(index) (((index) + 1) % N)
#endif
#ifdef NAMED
#define MUTEX_AT -1L
#define EMPTY_AT -1L
#define FULL_AT -1L
#else
#define EMPTY_AT ((long)offsetof(T, EMPTY))
#define FULL_AT ((long)offsetof(T, FULL))
#ifdef PTHREAD
#define MUTEX_AT -1L
#define LOCK_AT ((long)offsetof(T, MUTEX))
#else
#define MUTEX_AT ((long)offsetof(T, MUTEX))
#endif
#endif
#ifndef LOCK_AT
#define LOCK_AT -1L
#endif

struct held {
    T *b;
    sem_t *mutex, *empty, *full;
    int made, taken, producer, consumer;
};

static void take_lock(struct held *r) {
#ifdef PTHREAD
    pthread_mutex_lock(&r->b->MUTEX);
#else
    sem_wait(r->mutex);
#endif
}

static void give_lock(struct held *r) {
#ifdef PTHREAD
    pthread_mutex_unlock(&r->b->MUTEX);
#else
    sem_post(r->mutex);
#endif
}

#ifdef NAMED
static sem_t *beside(const char *segment, const char *role, int value) {
    char name[250];
    snprintf(name, sizeof name, "%s_%s", segment, role);
    return sem_open(name, O_CREAT | O_EXCL, 0600, value);
}
#endif

static void make(struct held *r, const char *name, int base) {
    int fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    ftruncate(fd, sizeof(T));
    T *b = r->b = mmap(NULL, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
#ifdef NAMED
    r->mutex = beside(name, "mutex", 1);
    r->empty = beside(name, "vazio", N);
    r->full = beside(name, "cheio", 0);
#else
    r->empty = (sem_t *)&b->EMPTY;
    r->full = (sem_t *)&b->FULL;
    sem_init(r->empty, 1, N);
    sem_init(r->full, 1, 0);
#ifdef PTHREAD
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&b->MUTEX, &shared);
#else
    r->mutex = (sem_t *)&b->MUTEX;
    sem_init(r->mutex, 1, 1);
#endif
#endif
#ifdef PREPARE
    PREPARE(b);
#endif
    r->made = r->taken = base;
}

static void put(struct held *r) {
    T *b = r->b;
    sem_wait(r->empty);
    take_lock(r);
    PUT(AT(b->IN), r->made);
    b->IN = AFTER(b->IN);
    r->made++;
    give_lock(r);
    sem_post(r->full);
}

static void take(struct held *r) {
    T *b = r->b;
    sem_wait(r->full);
    take_lock(r);
    b->OUT = AFTER(b->OUT);
    r->taken++;
    give_lock(r);
    sem_post(r->empty);
}

static int value_of(sem_t *semaphore) {
    int value = -1;
    if (semaphore != NULL) sem_getvalue(semaphore, &value);
    return value;
}

static void say(struct held *r, const char *name) {
    T *b = r->b;
    printf("{\"name\": \"%s\", \"size\": %zu, \"slots\": %d, \"at\": [%zu, %zu, %zu, %ld, %ld, %ld], ",
           name, sizeof(T), (int)(N), offsetof(T, DATA), offsetof(T, IN), offsetof(T, OUT),
           MUTEX_AT, EMPTY_AT, FULL_AT);
    printf("\"lock\": %ld, \"item_size\": %zu, \"index_size\": %zu, \"in\": %d, \"out\": %d, \"values\": [", LOCK_AT, sizeof b->DATA[0],
           sizeof b->IN, (int)b->IN, (int)b->OUT);
    for (int at = 0; at < N; at++) {
        if (at) printf(", ");
        SHOW(at);
    }
    printf("], \"mutex\": %d, \"empty\": %d, \"full\": %d, \"pid\": %d, \"producer\": %d, \"consumer\": %d}\n",
           value_of(r->mutex), value_of(r->empty), value_of(r->full), getpid(), r->producer,
           r->consumer);
    fflush(stdout);
}

static int child(void (*act)(struct held *), struct held *r) {
    int parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, 9);
        if (getppid() != parent) exit(0);   /* it died before that */
        act(r);
        exit(0);
    }
    return pid;
}

static void fill_and_block(struct held *r) {
    while (value_of(r->empty) > 0) put(r);
    r->producer = child(put, r);
    take_lock(r);
    r->consumer = child(take, r);
    while (value_of(r->full) == N) usleep(500);
}

static void produce(struct held *r) {
    for (;;) {
        put(r);
        usleep(1500);
    }
}

static void consume(struct held *r) {
    for (int n = 0;; n++) {
        take(r);
        usleep(n / 40 % 2 ? 900 : 2100); /* now slower than the producer, now quicker */
    }
}

static void go(struct held *r) {
    r->producer = child(produce, r);
    r->consumer = child(consume, r);
}

int main(int argc, char **argv) {
    int count = argc - 1;
    struct held *rings = calloc(count, sizeof *rings);
    for (int at = 0; at < count; at++) {
        struct held *r = &rings[at];
        make(r, argv[1 + at], 20 * at + 1);
        for (int n = 0; n < N + 2; n++) {
            if (n >= N) take(r);
            put(r);
        }
        take(r);
        say(r, argv[1 + at]);
    }
    for (int letter; (letter = getchar()) != EOF;) {
        for (int at = 0; at < count; at++) {
            (letter == 'f' ? fill_and_block : go)(&rings[at]);
            say(&rings[at], argv[1 + at]);
        }
    }
    return 0;
}
