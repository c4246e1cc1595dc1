/* A producer that forgets to post full, once: at its second item. */
#include "buffer.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
    int fd = shm_open(SEGMENT, O_RDWR, 0);
    if (fd < 0) {
        perror(SEGMENT);
        return 1;
    }
    Buffer *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (int item = 1;; item++) {
        sem_wait(&b->empty);
        sem_wait(&b->mutex);
        b->data[b->in] = item;
        b->in = (b->in + 1) % SLOTS;
        sem_post(&b->mutex);
        if (item != 2)
            sem_post(&b->full);
        printf("Produzindo: %d\n", item);
        sleep(1);
    }
}
