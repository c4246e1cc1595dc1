/* A producer as a course writes it. Nobody calls sem_init: that is the lesson. */
#include "buffer.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
    int fd = shm_open(SEGMENT, O_CREAT | O_RDWR, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(Buffer)) != 0) {
        perror(SEGMENT);
        return 1;
    }
    Buffer *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (b == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (int item = 0;; item++) {
        sem_wait(&b->empty);
        sem_wait(&b->mutex);
        b->data[b->in] = item;
        b->in = (b->in + 1) % SLOTS;
        printf("Produzindo: %d\n", item);
        sem_post(&b->mutex);
        sem_post(&b->full);
        sleep(1);
    }
}
