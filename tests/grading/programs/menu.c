/* A producer with a menu, and its consumer: menu ROLE. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct ring {
    int data[5], in, out;
    sem_t mutex, empty, full;
};

int main(int count, char **words)
{
    int produces = count > 1 && words[1][0] == 'p';
    int file = shm_open("/menu", produces ? O_CREAT | O_RDWR : O_RDWR, 0600), value;
    if (file < 0 || (produces && ftruncate(file, sizeof(struct ring))))
        return 1;
    struct ring *r = mmap(0, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (produces) {
        sem_init(&r->mutex, 1, 1);
        sem_init(&r->empty, 1, 5);
        sem_init(&r->full, 1, 0);
    }
    for (;;) {
        if (produces && (printf("Value: "), scanf("%d", &value)) != 1)
            return 0;
        sem_wait(produces ? &r->empty : &r->full);
        sem_wait(&r->mutex);
        if (produces) {
            r->data[r->in] = value;
            r->in = (r->in + 1) % 5;
        } else {
            printf("%d\n", r->data[r->out]);
            r->out = (r->out + 1) % 5;
        }
        sem_post(&r->mutex);
        sem_post(produces ? &r->full : &r->empty);
    }
}
