/* Goes by its PID: no two executions are the same. */
#include "ring.h"

int main(void)
{
    struct ring *r = ring_map();
    r->data[0] = getpid();
    sem_init(&r->mutex, 1, 1);
    sem_wait(&r->mutex);
    r->data[1] = getpid() * 7;
    sem_post(&r->mutex);
    return 0;
}
