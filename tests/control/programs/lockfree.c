/* One producer and one consumer without a lock: by atomic indices, or by a flag in each slot. */
#include "shared.h"

struct queue {
    atomic_int data[SLOTS];
    atomic_int in, out;
};

int main(int count, char **words)
{
    given = words;
    struct queue *q = map_shared(sizeof *q);
    int makes = words[1][0] == 'p', flags = has("flags"), at = 0;
    for (int n = 1; n <= 2; n++) {
        if (flags) {
            while (!atomic_load(&q->data[at]) != makes)
                sched_yield();
            atomic_store(&q->data[at], makes ? n : 0);
            at = (at + 1) % SLOTS;
        } else if (makes) {
            at = atomic_load(&q->in);
            while ((at + 1) % SLOTS == atomic_load(&q->out))
                sched_yield();
            q->data[at] = n;
            atomic_store(&q->in, (at + 1) % SLOTS);
        } else {
            at = atomic_load(&q->out);
            while (at == atomic_load(&q->in))
                sched_yield();
            printf("%d\n", q->data[at]);
            atomic_store(&q->out, (at + 1) % SLOTS);
        }
    }
    return 0;
}
