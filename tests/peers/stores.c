/* stores NAME: a ring of N ints of scattered values, whose items come at the word of its input, one a
   line: "p 7" makes 7 items, "t 7" in a thread of their own, "f 7" in a child that stays, "r 0" goes on
   until it is killed, "w 0" stores into slot 0 now and then, in a thread that stays, "o 0" stores into out
   what is in it. Each line is answered with how many there were. INDEX stores into an index once (1), twice
   (2), or again where it goes back to 0 (0). BLANK: the consumer, a child, blanks its slot. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef struct {
    volatile int data[N];
    volatile int in, out;
    sem_t mutex, empty, full;
} Buffer;

static Buffer *b;
static volatile long *made;

static void step(volatile int *index) {
#if INDEX == 1
    *index = (*index + 1) % N;
#elif INDEX == 2
    *index = *index + 1;
    *index = *index % N;
#else
    *index = *index + 1;
    if (*index == N) *index = 0;
#endif
}

static void *produce(void *items) {
    for (long n = 0; n < (long)items; n++) {
        sem_wait(&b->empty);
        sem_wait(&b->mutex);
        b->data[b->in] = (int)(*made * 2654435761u >> 3) | 1;
        step(&b->in);
        ++*made;
        sem_post(&b->mutex);
        sem_post(&b->full);
    }
    return NULL;
}

static void *store(void *none) {
    for (;; usleep(20000)) b->data[0] = b->data[0];
    return none;
}

static void consume(void) {
    for (;;) {
        sem_wait(&b->full);
        sem_wait(&b->mutex);
#ifdef BLANK
        b->data[b->out] = 0;
#endif
        step(&b->out);
        sem_post(&b->mutex);
        sem_post(&b->empty);
    }
}

static int child(void) {
    int parent = getpid(), pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, 9);
        if (getppid() != parent) _exit(0);
    }
    return pid;
}

int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_EXCL | O_RDWR, 0600), done[2];
    if (fd < 0 || ftruncate(fd, sizeof *b) || pipe(done)) return 1;
    b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(&b->mutex, 1, 1);
    sem_init(&b->empty, 1, N);
    sem_init(&b->full, 1, 0);
    if (!child()) consume();
    char line[32], what;
    long items;
    pthread_t thread;
    while (fgets(line, sizeof line, stdin) && sscanf(line, "%c %ld", &what, &items) == 2) {
        if (what == 'p') produce((void *)items);
        if (what == 't') {
            pthread_create(&thread, NULL, produce, (void *)items);
            pthread_join(thread, NULL);
        }
        if (what == 'o') b->out = b->out;
        if (what == 'w') pthread_create(&thread, NULL, store, NULL);
        if (what == 'f' && !child()) {
            produce((void *)items);
            write(done[1], "", 1);
            for (;;) pause();
        }
        if (what == 'f') read(done[0], line, 1);
        if (what == 'r' && !child()) produce((void *)0x7fffffffffffffff);
        printf("%ld\n", *made);
        fflush(stdout);
    }
    return 0;
}
