/* The slot behind the last is where the consumer's index lies, and the producer's after it: spoilt ROLE [wild]. */
#include "shared.h"

struct item {
    int number;
    char text[32];
};
struct queue {
    struct item items[4];
    int inicio, fim;
    sem_t mutex, room, ready;
};

int main(int count, char **words)
{
    given = words;
    struct queue *q = map_shared(sizeof *q);
    if (words[1][0] == 'p') {
        sem_init(&q->mutex, 1, 1);
        sem_init(&q->room, 1, 4);
        sem_init(&q->ready, 1, 0);
    }
    if (has("wild"))
        q->items[0x7fffffff].number = 1;
    for (int n = 1; n <= 6; n++) {
        struct item item = {n, "some text"};
        int produces = words[1][0] == 'p';
        sem_wait(produces ? &q->room : &q->ready);
        sem_wait(&q->mutex);
        if (produces) {
            q->items[q->fim] = item;
            q->fim = q->fim == 4 ? 0 : q->fim + 1;
        } else {
            item = q->items[q->inicio];
            q->inicio = q->inicio == 4 ? 0 : q->inicio + 1;
        }
        sem_post(&q->mutex);
        sem_post(produces ? &q->ready : &q->room);
    }
    return 0;
}
