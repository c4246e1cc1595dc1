/* mortal NAME ROLE STEP TALLY AT PACE-US: moves items through a ring of N ints as the course's
   programs do. SIGHUP: it dies by SIGKILL before step STEP (1 wait permit, 2 wait mutex, 3 transfer,
   4 post mutex, 5 post permit, 6 pace) of the next item. SIGUSR1 has it rest between two items,
   SIGUSR2 go on. Counts its items and their sum at place AT of the file TALLY. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    int data[N];
    int in, out;
    sem_t mutex, empty, full;
} Buffer;
struct tally {
    long count, sum;
};

static volatile sig_atomic_t armed, resting;
static int step;

static void told(int number) {
    if (number == SIGHUP) armed = 1;
    resting = number == SIGUSR1 ? 1 : number == SIGUSR2 ? 0 : resting;
}

static void before(int at) {
    if (armed && at == step) kill(getpid(), SIGKILL);
}

static void take(sem_t *semaphore) {
    while (sem_wait(semaphore) && errno == EINTR) continue;
}

/* Sleep, for a time each, as long as it is told to rest. What is told between the look and the sleep ends that. */
static void rest(int milliseconds) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (resting) ppoll(NULL, 0, &time, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

int main(int argc, char **argv) {
    int produces = argv[2][0] == 'p', at = atoi(argv[5]), pace = atoi(argv[6]);
    step = atoi(argv[3]);
    struct sigaction action = {.sa_handler = told};
    sigfillset(&action.sa_mask); /* Of two that wait, "go on" is handled last: the lower number is first. */
    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    int fd = shm_open(argv[1], O_RDWR, 0);
    Buffer *b = mmap(NULL, sizeof(Buffer), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct tally *mine = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(argv[4], O_RDWR), 0);
    mine += at;
    sem_t *permit = produces ? &b->empty : &b->full, *give = produces ? &b->full : &b->empty;
    for (int n = at * 100000;; n++) {
        before(1);
        take(permit);
        before(2);
        take(&b->mutex);
        before(3);
        if (produces) {
            b->data[b->in] = n;
            b->in = (b->in + 1) % N;
            mine->sum += n;
        } else {
            mine->sum += b->data[b->out];
            b->out = (b->out + 1) % N;
        }
        mine->count++;
        before(4);
        sem_post(&b->mutex);
        before(5);
        sem_post(give);
        before(6);
        usleep(pace);
        rest(pace / 10);
    }
}
