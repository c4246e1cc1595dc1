/* Messages of text; the producer makes the segment anew: texts ROLE. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct message {
    int id;
    char text[32];
};
struct queue {
    struct message messages[4];
    int begin, end;
    sem_t mutex, room, ready;
};

int main(int count, char **words)
{
    int produces = count > 1 && words[1][0] == 'p';
    int file = shm_open("/texts", produces ? O_CREAT | O_RDWR | O_TRUNC : O_RDWR, 0600);
    if (file < 0)
        return perror("shm_open"), 1;
    if (produces && ftruncate(file, sizeof(struct queue)))
        return 1;
    struct queue *q = mmap(0, sizeof *q, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (produces) {
        memset(q, 0, sizeof *q);
        sem_init(&q->mutex, 1, 1);
        sem_init(&q->room, 1, 4);
        sem_init(&q->ready, 1, 0);
    }
    for (int n = 1; n <= 6; n++) {
        struct message m = {n, "text"};
        sem_wait(produces ? &q->room : &q->ready);
        sem_wait(&q->mutex);
        if (produces) {
            q->messages[q->end] = m;
            q->end = (q->end + 1) % 4;
        } else {
            m = q->messages[q->begin];
            q->begin = (q->begin + 1) % 4;
        }
        sem_post(&q->mutex);
        sem_post(produces ? &q->ready : &q->room);
    }
    if (!produces)
        shm_unlink("/texts");
    return 0;
}
