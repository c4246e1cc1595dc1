#include "exchange.h"

int main(void)
{
    struct exchange *e = join_exchange();
#ifdef UNUSED
    int never_used;
#endif
    for (int item = 1;; item++) {
        enter(e, &e->empty);
        e->data[e->in] = item;
        printf("made %d\n", item);
        e->in = (e->in + 1) % SLOTS;
        leave(e, &e->full);
        sleep(1);
    }
}
