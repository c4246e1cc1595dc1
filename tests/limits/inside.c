/* inside NAME ROLE [ITEM]: moves items through the ring of the course, 5 ints. A producer stops for good inside
   the critical section at item ITEM, and says so. ROLE i makes the ring, with an ITEM as one of a process alone. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    int data[5];
    int in, out;
    sem_t mutex, empty, full;
} Buffer;

int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    if (ftruncate(fd, sizeof(Buffer))) return 1;
    Buffer *b = mmap(NULL, sizeof(Buffer), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (argv[2][0] == 'i') {
        sem_init(&b->mutex, argc == 3, 1);
        sem_init(&b->empty, argc == 3, 5);
        sem_init(&b->full, argc == 3, 0);
        return 0;
    }
    int produces = argv[2][0] == 'p', last = argc > 3 ? atoi(argv[3]) : -1;
    for (int item = 0;; item++) {
        sem_wait(produces ? &b->empty : &b->full);
        sem_wait(&b->mutex);
        if (produces) {
            b->data[b->in] = item;
            b->in = (b->in + 1) % 5;
        } else {
            b->out = (b->out + 1) % 5;
        }
        if (item == last && write(1, "inside\n", 7)) pause();
        sem_post(&b->mutex);
        sem_post(produces ? &b->full : &b->empty);
        if (!produces) usleep(20000);
    }
}
