/* pair NAME SECONDS: P producers and C consumers over a ring of N ints in the layout of shmtui's
   own buffers, by the same protocol, with nothing else done. Prints the items a second. */
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    int data[N];
    int in, out;
    sem_t mutex, empty, full;
} Buffer;

typedef struct {
    volatile long items;
    char apart[120];
} Count;

static Buffer *b;

static void produce(void) {
    for (int n = 0;; n++) {
        sem_wait(&b->empty);
        sem_wait(&b->mutex);
        b->data[b->in] = n;
        b->in = (b->in + 1) % N;
        sem_post(&b->mutex);
        sem_post(&b->full);
    }
}

static void consume(Count *count) {
    volatile int item;
    for (;;) {
        sem_wait(&b->full);
        sem_wait(&b->mutex);
        item = b->data[b->out];
        b->out = (b->out + 1) % N;
        sem_post(&b->mutex);
        sem_post(&b->empty);
        count->items++;
    }
}

static long moved(Count *counts) {
    long sum = 0;
    for (int i = 0; i < C; i++) sum += counts[i].items;
    return sum;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_EXCL | O_RDWR, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *b)) return 1;
    b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    shm_unlink(argv[1]);
    Count *counts = mmap(NULL, C * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(&b->mutex, 1, 1);
    sem_init(&b->empty, 1, N);
    sem_init(&b->full, 1, 0);
    for (int i = 0; i < P + C; i++) {
        if (fork()) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (i < C) consume(&counts[i]);
        produce();
    }
    usleep(200000);
    double start = now();
    long before = moved(counts);
    usleep(atof(argv[2]) * 1e6);
    printf("%f\n", (moved(counts) - before) / (now() - start));
    return 0;
}
