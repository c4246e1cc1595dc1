/* kind NAME: a bounded buffer of any layout, brought to a known state and asked about it.

   Compiled with -DHEADER='"x.h"' -DACCESS='"x_access.h"': the first is the user's header, the
   second says how its parts are reached: TYPE, N, IN, OUT, PUT(slot, id), SHOW(slot), and
   MUTEX, EMPTY, FULL as pointers to sem_t, with INIT where they have to be made.

   The ring is filled, two items are taken and one is put, so that its indices went round.
   Then the program holds mutex; one child sleeps on it with the last free slot in hand, and
   one sleeps on empty. Each line that it is sent is answered with all of that as JSON. */
#include <fcntl.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>
#include HEADER
#include ACCESS

static TYPE *ring;
#ifdef NAMED
static sem_t *mutex, *empty, *full;
#endif

static void put(int id) {
    sem_wait(EMPTY);
    sem_wait(MUTEX);
    PUT(IN, id);
    IN = (IN + 1) % (N);
    sem_post(MUTEX);
    sem_post(FULL);
}

static void take(void) {
    sem_wait(FULL);
    sem_wait(MUTEX);
    OUT = (OUT + 1) % (N);
    sem_post(MUTEX);
    sem_post(EMPTY);
}

static int child(sem_t *first, sem_t *then) {
    int pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sem_wait(first);
        if (then) sem_wait(then);
        pause();
    }
    return pid;
}

static int value(sem_t *s) {
    int v;
    sem_getvalue(s, &v);
    return v;
}

int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    ftruncate(fd, sizeof *ring);
    ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
#ifdef NAMED
    char name[256];
    sem_t **made[] = {&mutex, &empty, &full};
    const char *suffix[] = {"-mutex", "-vazio", "-cheio"};
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", argv[1], suffix[i]);
        *made[i] = sem_open(name, O_CREAT, 0600, i == 0 ? 1 : i == 1 ? (N) : 0);
    }
#else
    sem_init(MUTEX, 1, 1);
    sem_init(EMPTY, 1, N);
    sem_init(FULL, 1, 0);
#endif
    for (int id = 0; id < (N); id++) put(id);
    take(), take();
    put(N);
    sem_wait(MUTEX);
    int at_mutex = child(EMPTY, MUTEX);
    while (value(EMPTY)) usleep(1000);
    int at_empty = child(EMPTY, NULL);
    for (int c; (c = getchar()) != EOF;) {
        if (c != '\n') continue;
        printf("{\"pid\": %d, \"at_mutex\": %d, \"at_empty\": %d, \"size\": %zu, ", getpid(),
               at_mutex, at_empty, sizeof *ring);
        printf("\"in\": %d, \"out\": %d, \"offsets\": [%zu, %zu, %zu], \"item_size\": %zu, ",
               (int)IN, (int)OUT, (size_t)((char *)&SLOT(0) - (char *)ring),
               (size_t)((char *)&IN - (char *)ring), (size_t)((char *)&OUT - (char *)ring),
               sizeof SLOT(0));
#ifndef NAMED
        printf("\"semaphores\": [%zu, %zu, %zu], ", (size_t)((char *)MUTEX - (char *)ring),
               (size_t)((char *)EMPTY - (char *)ring), (size_t)((char *)FULL - (char *)ring));
#endif
        printf("\"values\": [%d, %d, %d], \"slots\": [", value(MUTEX), value(EMPTY), value(FULL));
        for (int i = 0; i < (N); i++) {
            if (i) printf(", ");
            SHOW(i);
        }
        printf("]}\n");
        fflush(stdout);
    }
}
