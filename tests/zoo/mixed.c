/* mixed MODE NAME: two C libraries over one segment, which agree on the one word that they use:
   nobody sleeps in a semaphore. The consumer is the program `other` beside this one: this source,
   compiled by another compiler. */
#define ALIGNED _Alignas(8)   /* as in glibc: musl's sem_t is aligned by 4 */
#include "ring.h"

static char other[4096];

static void put_polling(int number) {
    for (join();; nap(100)) { poll_for(&b->empty); poll_for(&b->mutex); insert(make(number)); give(&b->mutex); give(&b->full); }
}
static void get_polling(void) {
    for (join();; nap(150)) { poll_for(&b->full); poll_for(&b->mutex); got(extract()); give(&b->mutex); give(&b->empty); }
}
static void become_other(int number) { become(other, "consume", name); }

int main(int argc, char **argv) {
    name = argv[2];
    if (!strcmp(argv[1], "consume")) { come_after(argv); get_polling(); }
    start_keeper();
    b = created(name, sizeof *b);
    initialise(1, N, 0);
    snprintf(other, sizeof other, "%.*sother", (int)(strrchr(argv[0], '/') + 1 - argv[0]), argv[0]);
    hire(put_polling, 1, become_other, 1);
    keep();
}
