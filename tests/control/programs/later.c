/* A consumer that waits for a mark that all is ready, by sleeping: later p|c [early] [clock] */
#include "shared.h"
#include <time.h>

struct ring {
    volatile int ready;
    sem_t mutex, empty, full;
    int in, out, data[SLOTS];
};
static struct ring *r;

static void transfer(int produces, int n)
{
    sem_wait(produces ? &r->empty : &r->full);
    sem_wait(&r->mutex);
    if (produces)
        r->data[r->in] = n, r->in = (r->in + 1) % SLOTS;
    else
        printf("%d\n", r->data[r->out]), r->out = (r->out + 1) % SLOTS;
    sem_post(&r->mutex);
    sem_post(produces ? &r->full : &r->empty);
}

int main(int argc, char **words)
{
    given = words;
    int produces = words[1][0] == 'p', file;
    struct stat status = {0};
    if (has("clock"))
        srand(time(0));
    if (produces)
        file = shm_open(getenv("EXPLORED"), O_CREAT | O_RDWR, 0600), ftruncate(file, sizeof *r);
    else
        while ((file = shm_open(getenv("EXPLORED"), O_RDWR, 0)) < 0)
            usleep(1000);
    while (!produces && !status.st_size) {
        fstat(file, &status);
        usleep(1000);
    }
    r = mmap(0, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (produces) {
        if (has("early"))
            r->ready = 1;
        sem_init(&r->mutex, 1, 1);
        sem_init(&r->empty, 1, SLOTS);
        sem_init(&r->full, 1, 0);
        r->ready = 1;
    }
    while (!r->ready)
        usleep(1000);
    for (int n = 1;; n++) {
        transfer(produces, n);
        usleep(1000);
    }
}
