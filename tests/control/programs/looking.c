/* Two that wait by looking, and end: looking ROLE. */
#include "shared.h"

struct ring {
    int buffer[5];
    volatile int in, out;
};

int main(int count, char **words)
{
    given = words;
    struct ring *r = map_shared(sizeof *r);
    for (int n = 1; n <= 7; n++) {
        if (words[1][0] == 'p') {
            while ((r->in + 1) % 5 == r->out)
                ;
            r->buffer[r->in] = n;
            r->in = (r->in + 1) % 5;
        } else {
            while (r->in == r->out)
                ;
            printf("%d\n", r->buffer[r->out]);
            r->out = (r->out + 1) % 5;
        }
    }
    return 0;
}
