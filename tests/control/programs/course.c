/* A pair as students hand it in: members whose names tell nothing, an item by chance, the PID in each line:
 * course p|c [WORD]...
 */
#include "shared.h"

struct everything {
    double v[SLOTS];
    int a, b, sum;
    sem_t x, y, z;
};
static struct everything *e;

static void put(int n)
{
    sem_wait(&e->y);
    sem_wait(&e->x);
    e->v[e->a] = rand() % 100 / 2.0;
    e->a = (e->a + 1) % SLOTS;
    printf("[%d] made %d\n", getpid(), n);
    if (has("twice"))
        sem_post(&e->x);
    sem_post(&e->x);
    if (!has("rarely") || n != 17)
        sem_post(&e->z);
    if (has("sum"))
        e->sum = e->sum + n;
}

static void take(void)
{
    sem_wait(&e->z);
    sem_wait(&e->x);
    printf("[%d] took %.1f\n", getpid(), e->v[e->b]);
    e->b = (e->b + 1) % SLOTS;
    sem_post(&e->x);
    sem_post(&e->y);
    if (has("sum"))
        e->sum = e->sum - 1;
}

int main(int count, char **words)
{
    given = words;
    srand(getpid());
    e = map_shared(sizeof *e);
    if ((words[1][0] == 'p' && !has("second")) || has("again")) {
        sem_init(&e->x, 1, 1);
        sem_init(&e->y, 1, SLOTS);
        sem_init(&e->z, 1, has("full-1"));
    }
    for (int n = 1; !has("three") || n <= 3; n++) {
        if (words[1][0] == 'p')
            put(n);
        else
            take();
        sleep(1);
    }
    return 0;
}
