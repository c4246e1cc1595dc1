/* A ring without a lock, or what only looks like one. NAME put|get|both|look USEC [spin].
   -DREDUCED: indices below N, a slot is left free. -DOTHER_NAMES, -DOTHER_ARRAY: names. -DCOUNTERS: two
   statistics and a table under the names of a ring. -DFUTEX: who finds it empty sleeps on the head.
   -DMARKS: a consumer marks the slot that it took. -DLAPS: a producer that never looks whether there is room.
   -DFLAGS: indices below N, and a flag in each slot says whether it is full, so that all are used.
   -DSTACK: the head is a stack's top. -DPOOL: head and tail are the ends of a list of nodes in no order. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#define N 8
typedef struct { int id; double price; } Order;
#ifdef FLAGS
#define REDUCED
#define MARKS
#endif
#ifdef REDUCED
typedef int Index;
#else
typedef size_t Index;
#endif
#if defined OTHER_NAMES
#define HEAD write_idx
#define TAIL read_idx
#else
#define HEAD head
#define TAIL tail
#endif
#ifdef OTHER_ARRAY
#define SLOTS histogram
#else
#define SLOTS slots
#endif
typedef struct {
    _Alignas(64) _Atomic Index HEAD;
    _Alignas(64) _Atomic Index TAIL;
    _Alignas(64) Order SLOTS[N];
} Queue;
static Queue *q;
#ifdef FLAGS
static Index after(Index i) { return (i + 1) % N; }
static int full(void) { return q->SLOTS[q->HEAD].id > 0; }
static int empty(void) { return q->SLOTS[q->TAIL].id <= 0; }
#elif defined REDUCED
static Index after(Index i) { return (i + 1) % N; }
static int full(void) { return after(q->HEAD) == q->TAIL; }
#else
static Index after(Index i) { return i + 1; }
static int full(void) { return q->HEAD - q->TAIL == N; }
#endif
#ifndef FLAGS
static int empty(void) { return q->HEAD == q->TAIL; }
#endif
static void put(int n) {
    q->SLOTS[q->HEAD % N] = (Order){n, n * 1.5};
    q->HEAD = after(q->HEAD);
#ifdef FUTEX
    syscall(SYS_futex, &q->HEAD, FUTEX_WAKE, 1);
#endif
}
static void rest(int spin, Index seen) {
#ifdef FUTEX
    syscall(SYS_futex, &q->HEAD, FUTEX_WAIT, (unsigned)seen, NULL);
#else
    if (!spin) usleep(1000);
#endif
}
int main(int argc, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int reads = !strcmp(argv[2], "look"), spin = argc > 4;
    int fd = shm_open(argv[1], reads ? O_RDONLY : O_CREAT | O_RDWR, 0600);
    if (!reads && ftruncate(fd, sizeof *q)) return 1;
    q = mmap(0, sizeof *q, reads ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    puts("ready");
    fflush(stdout);
    int pace = atoi(argv[3]), puts_ = strcmp(argv[2], "get") != 0, gets = strcmp(argv[2], "put") != 0;
    if (reads) for (;;) pause();
    for (int n = 1;; n++) {
#if defined STACK || defined POOL
        unsigned chance = rand();
#endif
#ifdef STACK
        if (chance / 7 % 2 ? q->HEAD < N : !q->HEAD) put(n);
        else { q->HEAD--; q->TAIL = q->HEAD / 2; }
#elif defined POOL
        q->SLOTS[q->HEAD].id = n;
        q->HEAD = chance / 7 % N;
        q->SLOTS[q->HEAD].id = n;
        q->TAIL = chance / 99 % N;
#elif defined COUNTERS
        q->HEAD += 3;
        q->TAIL += 1;
        q->SLOTS[n * 7 % N].id++;
#else
#ifndef LAPS
        while (puts_ && full()) if (!spin) usleep(1000);
#endif
        if (puts_) put(n);
        for (Index head; gets && (head = q->HEAD, empty());) rest(spin, head);
#ifdef MARKS
        if (gets) q->SLOTS[q->TAIL % N].id = -n;
#endif
        if (gets) q->TAIL = after(q->TAIL);
#endif
        if (pace) usleep(pace);
    }
}
