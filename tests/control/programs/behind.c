/* A ring whose indices lie behind its last slot, and are let go one too far: an item is stored over them. */
#include "shared.h"

struct ring {
    long data[SLOTS];
    unsigned in, out;
    sem_t mutex, empty, full;
};

int main(int count, char **words)
{
    given = words;
    struct ring *r = map_shared(sizeof *r);
    int produces = words[1][0] == 'p', too_far = has("too-far");
    if (produces) {
        sem_init(&r->mutex, 1, 1);
        sem_init(&r->empty, 1, SLOTS);
        sem_init(&r->full, 1, 0);
    }
    for (long n = 1;; n++) {
        sem_wait(produces ? &r->empty : &r->full);
        sem_wait(&r->mutex);
        if (produces)
            r->data[r->in] = n;
        else
            printf("%ld\n", r->data[r->out]);
        volatile unsigned *index = produces ? &r->in : &r->out;
        *index = *index + 1;
        if (*index > SLOTS - !too_far)
            *index = 0;
        sem_post(&r->mutex);
        sem_post(produces ? &r->full : &r->empty);
        usleep(1000);
    }
}
