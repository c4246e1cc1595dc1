/* A parent that produces and its child that consumes: the ring in memory without a name, its semaphores elsewhere. */
#include "shared.h"

struct ring {
    int in, out;
    int data[SLOTS];
};

static sem_t *semaphore(const char *what, int value)
{
    char name[80];
    snprintf(name, sizeof name, "%s_%s", getenv("EXPLORED"), what);
    sem_t *made = sem_open(name, O_CREAT, 0600, value);
    sem_unlink(name);
    return made;
}

int main(void)
{
    struct ring *r = mmap(0, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_t *mutex = semaphore("m", 1), *empty = semaphore("e", SLOTS), *full = semaphore("f", 0);
    int child = fork();
    for (int n = 1; n <= 6; n++) {
        sem_wait(child ? empty : full);
        sem_wait(mutex);
        if (child) {
            r->data[r->in] = n;
            r->in = (r->in + 1) % SLOTS;
        } else {
            printf("%d\n", r->data[r->out]);
            r->out = (r->out + 1) % SLOTS;
        }
        sem_post(mutex);
        sem_post(child ? full : empty);
    }
    if (child)
        wait(0);
    return 0;
}
