/* Two producers and two consumers that are threads over global variables: threads [MISTAKE]... */
#include "shared.h"

static int queue[SLOTS], first, last, count, total;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t room = PTHREAD_COND_INITIALIZER, items = PTHREAD_COND_INITIALIZER;

static void enter(pthread_cond_t *condition, int blocked)
{
    if (!has("no-lock"))
        pthread_mutex_lock(&lock);
    if (has("if") && count == blocked)
        pthread_cond_wait(condition, &lock);
    while (!has("if") && !has("no-lock") && count == blocked)
        pthread_cond_wait(condition, &lock);
}

static void leave(pthread_cond_t *condition)
{
    pthread_cond_signal(condition);
    if (!has("no-lock"))
        pthread_mutex_unlock(&lock);
    if (has("total"))
        total = total + 1;
}

static void *produce(void *number)
{
    if (has("less") && !number)
        return number;
    enter(&room, SLOTS);
    queue[last] = 1;
    last = (last + 1) % SLOTS;
    count++;
    leave(&items);
    return number;
}

static void *consume(void *unused)
{
    if (has("looks") && !*(volatile int *)&count)
        sched_yield();
    enter(&items, 0);
    printf("%d\n", queue[first]);
    first = (first + 1) % SLOTS;
    count--;
    leave(&room);
    return unused;
}

int main(int argc, char **words)
{
    given = words;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], 0, i % 2 ? consume : produce, (void *)(long)i);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], 0);
    return total;
}
