/* Others on the machine, asleep: crowd processes N | mappings N EACH | threads PATH N | objects N SHARED.
 * threads: one process that maps the file at PATH and has N threads. objects: N processes, a fifth of them
 * awake five times a second, that share so many objects of five kinds. It says so once they are there, and
 * they end with it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void *rest(void *unused) {
    for (;;) pause();
    return unused;
}

static void map_private(int count) {
    for (int i = 0; i < count; i++)
        mmap(0, 4096, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *map_file(int fd, long size) {
    if (ftruncate(fd, size)) return 0;
    void *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return memory;
}

static void share(int number) {
    char name[64];
    char *memory = 0;
    snprintf(name, sizeof name, "/bench-object-%d", number);
    switch (number % 5) {
    case 0: memory = map_file(shm_open(name, O_RDWR | O_CREAT, 0600), 4096); break;
    case 1: sem_open(name, O_CREAT, 0600, 1); break;
    case 2: memory = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); break;
    case 3: memory = map_file(memfd_create(name, 0), 4096); break;
    case 4: {
        int id = shmget(0xbe00 + number, 4096, IPC_CREAT | 0600);
        memory = shmat(id, 0, 0);
        shmctl(id, IPC_RMID, 0); /* It goes with its last process. */
    }
    }
    if (memory && memory != (char *)-1) *memory = 1;
}

static void processes(int count, int mappings, int objects) {
    for (int i = 0; i < count; i++) {
        if (fork()) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        map_private(mappings);
        if (objects) share(i % objects);
        struct timespec nap = {0, 200000000};
        while (objects && i % 5 == 0) nanosleep(&nap, 0);
        rest(0);
    }
}

static void threads(const char *path, int count) {
    struct stat status;
    int fd = open(path, O_RDWR);
    fstat(fd, &status);
    mmap(0, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    for (int i = 1; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &small, rest, 0)) {
            perror("pthread_create");
            exit(1);
        }
    }
}

int main(int count, char **words) {
    if (count < 3) return 2;
    if (!strcmp(words[1], "threads")) threads(words[2], atoi(words[3]));
    else if (!strcmp(words[1], "mappings")) processes(atoi(words[2]), atoi(words[3]), 0);
    else if (!strcmp(words[1], "objects")) processes(atoi(words[2]), 20, atoi(words[3]));
    else processes(atoi(words[2]), 0, 0);
    puts("ready");
    fflush(stdout);
    rest(0);
}
