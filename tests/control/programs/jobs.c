/* A ring of structs whose indices are called head and tail, the head being the producer's; its mistakes are those
 * of the hand that writes it: jobs p|c [MISTAKE]
 */
#include "shared.h"

typedef struct {
    long id;
    double value;
} Job;

struct jobs {
    unsigned head, tail;
    Job jobs[3];
    sem_t room, items, lock;
};
static struct jobs *j;

static void put(int n)
{
    if (has("tries"))
        sem_trywait(&j->room);
    else
        sem_wait(&j->room);
    sem_wait(&j->lock);
    j->jobs[j->head].id = n;
    j->jobs[j->head].value = n / 2.0;
    j->head = (j->head + 1) % (has("one-more") ? 4 : 3);
    sem_post(&j->lock);
    sem_post(has("wrong-post") ? &j->room : &j->items);
    if (has("posts-twice") && n == 2)
        sem_post(&j->items);
}

static void take(void)
{
    sem_wait(&j->items);
    sem_wait(&j->lock);
    Job job = j->jobs[j->tail];
    j->tail = (j->tail + 1) % 3;
    sem_post(&j->lock);
    sem_post(&j->room);
    printf("%ld %.1f\n", job.id, job.value);
}

int main(int count, char **words)
{
    given = words;
    j = map_shared(sizeof *j);
    if (words[1][0] == 'p') {
        sem_init(&j->room, 1, has("exchanged") ? 0 : 3);
        sem_init(&j->items, 1, has("exchanged") ? 3 : 0);
        sem_init(&j->lock, 1, 1);
    }
    for (int n = 1;; n++) {
        if (words[1][0] == 'p')
            put(n);
        else
            take();
        usleep(1000);
    }
}
