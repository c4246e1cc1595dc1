/* The same with named semaphores. */
#include "shared.h"
#include <errno.h>
#include <sys/random.h>
#include <time.h>

struct buffer {
    int data[SLOTS];
    int in, out;
};

static sem_t *semaphore(const char *role, int value)
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", getenv("EXPLORED"), role);
    return sem_open(name, O_CREAT, 0600, value);
}

/* Waits, or tries again and again; with a limit it gives up after a minute and a half. */
static void take(sem_t *permits)
{
    time_t begin = has("limit") ? time(0) : 0;
    struct timespec until;
    if (!has("timed") && !has("polls")) {
        sem_wait(permits);
        return;
    }
    for (;;) {
        if (has("limit") && time(0) - begin > 90)
            exit(0);
        if (has("timed")) {
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec += 2;
        }
        if (!(has("timed") ? sem_timedwait(permits, &until) : sem_trywait(permits)))
            return;
        if (errno != (has("timed") ? ETIMEDOUT : EAGAIN))
            exit(4);
        if (has("polls") && !has("at-once"))
            usleep(20000);
    }
}

int main(int count, char **words)
{
    given = words;
    struct buffer *b = map_shared(sizeof *b);
    if (has("droppable")) { /* As the vDSO keeps its random numbers; EINVAL before Linux 6.11. */
        void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | 8, -1, 0);
        if (page != MAP_FAILED)
            getrandom(page, 64, 0);
    }
    sem_t *mutex = semaphore("mutex", has("mutex-2") ? 2 : 1), *empty = semaphore("empty", SLOTS), *full = semaphore("full", 0);
    int makes = words[1][0] == 'p', locks = !has("no-mutex");
    for (int n = 1;; n++) {
        if (has("lock-first"))
            sem_wait(mutex);
        take(makes ? empty : full);
        if (locks && !has("lock-first"))
            sem_wait(mutex);
        if (makes) {
            b->data[b->in] = n;
            b->in = (b->in + 1) % SLOTS;
        } else {
            printf("%d\n", b->data[b->out]);
            b->out = (b->out + 1) % SLOTS;
        }
        if (locks)
            sem_post(mutex);
        if (has("mutex-twice"))
            sem_post(mutex);
        if (!has("no-post"))
            sem_post(makes ? full : empty);
        usleep(100);
    }
}
