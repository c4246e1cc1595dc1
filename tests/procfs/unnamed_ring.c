/* The exercise's ring in memory without a name: unnamed_ring KIND [LAST]. A producer and a consumer
 * are forked; the producer dies with the lock in hand behind item LAST, where that is given. The
 * consumer is slower: it is never asleep for items.
 */
#define _GNU_SOURCE
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#define N 5

typedef struct {
    int data[N];
    int in, out;
    sem_t mutex, empty, full;
} Buffer;

static void pace(int times)
{
    struct timespec time = {0, times * 50 * 1000 * 1000};
    nanosleep(&time, NULL);
}

static int child(pid_t parent)
{
    if (fork())
        return 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    return 1;
}

int main(int count, char **words)
{
    Buffer *ring = MAP_FAILED;
    int last = count > 2 ? atoi(words[2]) : -1;
    pid_t parent = getpid();
    if (!strcmp(words[1], "anon")) {
        ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    } else if (!strcmp(words[1], "memfd")) {
        int fd = memfd_create("ring", 0);
        if (ftruncate(fd, sizeof *ring))
            return 3;
        ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    } else if (!strcmp(words[1], "sysv")) {
        int id = shmget(IPC_PRIVATE, sizeof *ring, 0600 | IPC_CREAT);
        ring = shmat(id, NULL, 0);
        shmctl(id, IPC_RMID, NULL);
    }
    if (ring == MAP_FAILED)
        return 3;
    sem_init(&ring->mutex, 1, 1);
    sem_init(&ring->empty, 1, N);
    sem_init(&ring->full, 1, 0);
    if (child(parent))
        for (int item = 1;; item++) {
            sem_wait(&ring->empty);
            sem_wait(&ring->mutex);
            ring->data[ring->in] = item;
            ring->in = (ring->in + 1) % N;
            if (item == last)
                _exit(0);
            sem_post(&ring->mutex);
            sem_post(&ring->full);
            pace(1);
        }
    if (child(parent))
        for (;;) {
            sem_wait(&ring->full);
            sem_wait(&ring->mutex);
            ring->data[ring->out] *= 1;
            ring->out = (ring->out + 1) % N;
            sem_post(&ring->mutex);
            sem_post(&ring->empty);
            pace(3);
        }
    for (;;)
        pause();
}
