/* A producer that makes the segment and initialises its semaphores. PSHARED is the second argument of sem_init. */
#include "buffer.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef PSHARED
#define PSHARED 1
#endif

int main(void) {
    int fd = shm_open(SEGMENT, O_CREAT | O_RDWR, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(Buffer)) != 0) {
        perror(SEGMENT);
        return 1;
    }
    Buffer *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sem_init(&b->mutex, PSHARED, 1);
    sem_init(&b->empty, PSHARED, SLOTS);
    sem_init(&b->full, PSHARED, 0);
    for (int item = 1;; item++) {
        sem_wait(&b->empty);
        sem_wait(&b->mutex);
        b->data[b->in] = item;
        b->in = (b->in + 1) % SLOTS;
        sem_post(&b->mutex);
        sem_post(&b->full);
        printf("Produzindo: %d\n", item);
        sleep(1);
    }
}
