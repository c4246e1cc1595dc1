/* Goes round for ever over a segment: running NAME [threads|child|semop|private]
 * threads: two threads do it. child: a child does it. semop: by a System V set, whose number it prints; it takes
 * one of what others add. private: semaphores of its own come between.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

typedef struct {
    int data[5], in, out;
    sem_t mutex, empty, full;
} Buffer;

static Buffer *b;
static sem_t own;
static int with_own;

static void *go_round(void *unused)
{
    for (;;) {
        if (with_own)
            sem_post(&own), sem_wait(&own);
        sem_wait(&b->mutex);
        b->in = (b->in + 1) % 5;
        sem_post(&b->mutex);
        usleep(1000);
    }
    return unused;
}

int main(int count, char **words)
{
    const char *way = count > 2 ? words[2] : "";
    int fd = shm_open(words[1], O_RDWR, 0666);
    b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!strcmp(way, "semop")) {
        int set = semget(IPC_PRIVATE, 1, 0600 | IPC_CREAT);
        struct sembuf take = {0, -1, 0};
        printf("%d\n", set);
        fflush(stdout);
        int code = semop(set, &take, 1) ? errno : 0;
        semctl(set, 0, IPC_RMID);
        return code;
    }
    if (!strcmp(way, "child")) {
        if (fork())
            return wait(NULL) < 0;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    if (!strcmp(way, "threads")) {
        pthread_t other;
        pthread_create(&other, NULL, go_round, NULL);
    }
    sem_init(&own, 0, 0);
    with_own = !strcmp(way, "private");
    go_round(NULL);
}
