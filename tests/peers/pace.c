/* pace NAME RATE PAYLOAD: RATE items a second through a ring of N ints, by absolute deadlines; as
   fast as it can where that is too many. PAYLOAD: counting, scattered or same. Each line of input
   is answered with the time (CLOCK_MONOTONIC, ns) and how many items have been produced. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    int data[N];
    int in, out;
    sem_t mutex, empty, full;
} Buffer;

static Buffer *b;
static _Atomic long *produced;

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void produce(double rate, const char *payload) {
    long batch = rate > 1000 ? rate / 1000 : 1; /* a deadline a millisecond at the most */
    long long start = now();
    for (long n = 0;; n++) {
        if (n % batch == 0) {
            long long due = start + n / rate * 1e9;
            struct timespec t = {due / 1000000000LL, due % 1000000000LL};
            if (due > now()) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        }
        sem_wait(&b->empty);
        sem_wait(&b->mutex);
        b->data[b->in] = payload[0] == 'c' ? n : payload[1] == 'c' ? (int)(n * 2654435761u >> 3) : 7;
        b->in = (b->in + 1) % N;
        sem_post(&b->mutex);
        sem_post(&b->full);
        atomic_store(produced, n + 1);
    }
}

static void consume(void) {
    for (;;) {
        sem_wait(&b->full);
        sem_wait(&b->mutex);
        b->out = (b->out + 1) % N;
        sem_post(&b->mutex);
        sem_post(&b->empty);
    }
}

static void child(int consumes, double rate, const char *payload) {
    int parent = getpid();
    if (fork()) return;
    prctl(PR_SET_PDEATHSIG, 9);
    if (getppid() != parent) exit(0);
    if (consumes) consume();
    produce(rate, payload);
}

int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_EXCL | O_RDWR, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *b)) return 1;
    b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    produced = mmap(NULL, sizeof *produced, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(&b->mutex, 1, 1);
    sem_init(&b->empty, 1, N);
    sem_init(&b->full, 1, 0);
    child(1, 0, "");
    child(0, atof(argv[2]), argv[3]);
    char line[16];
    while (fgets(line, sizeof line, stdin)) {
        printf("%lld %ld\n", now(), atomic_load(produced));
        fflush(stdout);
    }
    return 0;
}
