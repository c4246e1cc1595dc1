/* Uses a ring of the exercise's layout in one way, says so, and sleeps: user WAY /NAME [/SEMAPHORE].
 * WAY: write, read, guarded, private, file, semaphore, asleep (waits on full), copy (the same in a
 * private mapping), threads (main ends, another thread waits on full), crowd (200 threads sleep, and the
 * last one waits on full), queue (200 threads wait on full). With KEEP_OPEN in the environment it closes no
 * descriptor. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct { int data[5]; int in, out; sem_t mutex, empty, full; } Buffer;

static int keep;

static Buffer *map(const char *name, int rights, int prot, int kind) {
    int fd = shm_open(name, rights, 0600);
    Buffer *b = mmap(0, sizeof *b, prot, kind, fd, 0);
    if (!keep) close(fd);
    return b == MAP_FAILED ? 0 : b;
}

static void *rest(void *b) {
    for (;;) pause();
    return b;
}

static void *wait_full(void *b) {
    sem_wait(&((Buffer *)b)->full);
    return 0;
}

int main(int count, char **words) {
    const char *way = words[1], *name = words[2];
    Buffer *b = 0;
    int ok = 1;
    keep = getenv("KEEP_OPEN") != 0;
    if (!strcmp(way, "file"))
        ok = shm_open(name, O_RDWR, 0600) >= 0;
    else if (!strcmp(way, "read"))
        ok = (b = map(name, O_RDONLY, PROT_READ, MAP_SHARED)) != 0;
    else if (!strcmp(way, "guarded"))
        ok = (b = map(name, O_RDWR, PROT_READ, MAP_SHARED)) != 0;
    else if (!strcmp(way, "private") || !strcmp(way, "copy"))
        ok = (b = map(name, O_RDWR, PROT_READ | PROT_WRITE, MAP_PRIVATE)) != 0;
    else if (strcmp(way, "semaphore"))
        ok = (b = map(name, O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED)) != 0;
    if (count > 3) ok = ok && sem_open(words[3], O_CREAT, 0600, 1) != SEM_FAILED;
    for (int i = 1; i < 200 && (!strcmp(way, "crowd") || !strcmp(way, "queue")); i++) {
        pthread_t thread;
        void *(*does)(void *) = way[0] == 'q' || i == 199 ? wait_full : rest;
        ok = ok && !pthread_create(&thread, 0, does, b);
    }
    puts(ok ? "ready" : "failed");
    fflush(stdout);
    if (!strcmp(way, "asleep") || !strcmp(way, "copy")) sem_wait(&b->full);
    if (!strcmp(way, "threads")) {
        pthread_t thread;
        pthread_create(&thread, 0, wait_full, b);
        pthread_exit(0);
    }
    for (;;) pause();
}
