/* A ring of System V: shmget, and a set of three semaphores. */
#include "shared.h"
#include <errno.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <time.h>

enum { MUTEX, EMPTY, FULL };
struct ring {
    int data[SLOTS];
    int in, out;
};
static int set;

static void change(int semaphore, int by)
{
    struct sembuf one = {semaphore, by, has("undo") ? SEM_UNDO : 0};
    if (has("nowait") && by < 0) {
        one.sem_flg |= IPC_NOWAIT;
        while (semop(set, &one, 1) < 0 && errno == EAGAIN)
            usleep(10);
    } else if (has("timed") && by < 0) {
        struct timespec limit = {1, 0};
        while (semtimedop(set, &one, 1, &limit) < 0 && errno == EAGAIN)
            ;
    } else {
        semop(set, &one, 1);
    }
}

static void enter(int permits)
{
    struct sembuf both[2] = {{permits, -1, 0}, {MUTEX, -1, 0}};
    if (has("at-once")) {
        semop(set, both, 2);
        return;
    }
    if (has("lock-first"))
        change(MUTEX, -1);
    change(permits, -1);
    if (!has("lock-first") && !has("no-mutex"))
        change(MUTEX, -1);
}

static void leave(int permits)
{
    if (!has("no-mutex"))
        change(MUTEX, 1);
    if (!has("no-post"))
        change(permits, 1);
}

int main(int count, char **words)
{
    given = words;
    int produces = words[1][0] == 'p';
    int memory = shmget(0x4d2, sizeof(struct ring), IPC_CREAT | 0600);
    struct ring *r = shmat(memory, 0, 0);
    set = semget(0x4d3, 3, IPC_CREAT | IPC_EXCL | 0600);
    if (set >= 0) {
        unsigned short values[3] = {1, SLOTS, 0};
        semctl(set, 0, SETALL, values);
    } else {
        set = semget(0x4d3, 3, 0600);
    }
    for (int n = 1; n <= (produces && has("few") ? 6 : 1000000); n++) {
        enter(produces ? EMPTY : FULL);
        if (produces) {
            r->data[r->in] = n;
            r->in = (r->in + 1) % SLOTS;
        } else {
            printf("took %d\n", r->data[r->out]);
            r->out = (r->out + 1) % SLOTS;
        }
        leave(produces ? FULL : EMPTY);
    }
    return 0;
}
