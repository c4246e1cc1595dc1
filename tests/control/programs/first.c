/* The producer makes the segment, which the consumer opens: who starts first decides. */
#include "shared.h"

struct ring {
    int data[SLOTS];
    int in, out;
    sem_t mutex, empty, full;
};

int main(int count, char **words)
{
    given = words;
    int produces = words[1][0] == 'p', file;
    if (has("wait"))
        while ((file = shm_open(getenv("EXPLORED"), O_RDWR, 0600)) < 0)
            sleep(1);
    else
        file = shm_open(getenv("EXPLORED"), produces ? O_CREAT | O_RDWR : O_RDWR, 0600);
    if (file < 0) {
        printf("there is no segment\n");
        return 4;
    }
    if (produces && ftruncate(file, sizeof(struct ring)))
        return 3;
    struct ring *r = mmap(0, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (produces) {
        sem_init(&r->mutex, 1, 1);
        sem_init(&r->empty, 1, SLOTS);
        sem_init(&r->full, 1, 0);
    }
    for (int n = 0; n < 2; n++) {
        sem_wait(produces ? &r->empty : &r->full);
        sem_wait(&r->mutex);
        if (produces) {
            r->data[r->in] = n;
            r->in = (r->in + 1) % SLOTS;
        } else {
            printf("%d\n", r->data[r->out]);
            r->out = (r->out + 1) % SLOTS;
        }
        sem_post(&r->mutex);
        sem_post(produces ? &r->full : &r->empty);
    }
    return 0;
}
